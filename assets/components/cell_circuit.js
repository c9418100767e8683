// Each cell type as a circuit, the one description that all drawings of it are made from.
//
// Names: a gate (f), a state after the token (c, h) and before it (c_prev, h_prev), the sums that a
// gate is made from (x_f = W x + b, h_f = U h + b), and what `derived` adds.
//   box       width and height of the drawing
//   thin      wires of all units: paths by the part that they belong to
//   pipes     wires of one number: whose value, the part that they belong to, the path
//   arrows    where a pipe leaves to the right
//   valves    where a gate lets a share of a pipe through
//   boxes     functions and matrices: the part, its middle, what is written in it
//   sums      where pipes are added
//   labels    names with their numbers: where they begin
//   equations names and operators; names are replaced by numbers in a second version
//   strips    a step of the whole layer from top to bottom: an operator and a name
//   holds     what a person may hold
//   says      a sentence for each part

const LSTM = {
  box: [400, 300],
  thin: [
    ["h_prev", "M0 270H250"],
    ["x", "M36 300V270"],
    ["f", "M104 270V236M104 208V72"],
    ["i", "M150 270V236M150 208V140H180"],
    ["g", "M196 270V236"],
    ["o", "M250 270V236M250 208V168H280"],
  ],
  pipes: [
    ["c_prev", "c_prev", "M0 56H104"],
    ["kept", "f", "M104 56H196"],
    ["g", "g", "M196 222V140"],
    ["written", "i", "M196 140V56"],
    ["c", "c", "M196 56H392"],
    ["c", "c", "M296 56V168"],
    ["h", "h", "M296 168V222H392"],
  ],
  arrows: [
    ["c", 392, 56],
    ["h", 392, 222],
  ],
  valves: [
    { of: "f", share: "f", from: "c_prev", at: [104, 56] },
    { of: "i", share: "i", from: "g", at: [196, 140], upright: true },
    { of: "o", share: "o", from: "c", at: [296, 168], upright: true },
  ],
  boxes: [
    ["f", 104, 222, "σ"],
    ["i", 150, 222, "σ"],
    ["g", 196, 222, "tanh"],
    ["o", 250, 222, "σ"],
    ["h", 296, 112, "tanh"],
  ],
  sums: [["c", 196, 56]],
  labels: [
    ["c_prev", "c_prev", 2, 30],
    ["f", "f", 112, 104],
    ["f", "kept", 118, 30],
    ["i", "i", 220, 145],
    ["i", "written", 208, 104],
    ["g", "g", 208, 190],
    ["c", "c", 312, 30],
    ["o", "o", 318, 173],
    ["h", "tanh_c", 318, 142],
    ["h", "h", 312, 254],
    ["h_prev", "h_prev", 2, 258],
  ],
  input: [46, 294],
  derived: {
    kept: (v) => v.f * v.c_prev,
    written: (v) => v.i * v.g,
    tanh_c: (v) => Math.tanh(v.c),
  },
  equations: [
    "f = σ( x_f + h_f )",
    "i = σ( x_i + h_i )",
    "g = tanh( x_g + h_g )",
    "o = σ( x_o + h_o )",
    "c = f · c_prev + i · g",
    "h = o · tanh( c )",
  ],
  strips: [
    ["", "c_prev"],
    ["×", "f"],
    ["+", "g"],
    ["×", "i"],
    ["=", "c"],
    ["tanh, ×", "o"],
    ["=", "h"],
  ],
  holds: ["f", "i", "g", "o", "c", "h"],
  says: {
    x: "The token, as the layer reads it. All gates read it.",
    h_prev: "What all units of the layer said at the token before. All gates read it.",
    c_prev: "The cell state that this unit has kept so far.",
    f: "The forget gate: which share of the old cell state passes. 1 keeps all, 0 forgets all.",
    i: "The input gate: which share of the candidate is written.",
    g: "The candidate: what the unit would write, from −1 to 1.",
    o: "The output gate: which share of tanh(c) is said to the rest of the network.",
    c: "The cell state: what was kept plus what is written. Nothing outside the unit sees it.",
    h: "The hidden state: what the unit says, to the prediction and to all gates at the next token.",
  },
};

const GRU = {
  box: [400, 322],
  thin: [
    ["h_prev", "M24 56V296H262M24 222H66"],
    ["x", "M72 322V296"],
    ["r", "M130 296V282M130 254V238"],
    ["z", "M190 296V156M190 128V72M190 142H246"],
    ["n", "M262 296V238"],
  ],
  pipes: [
    ["h_prev", "h_prev", "M0 56H190"],
    ["kept", "z", "M190 56H262"],
    ["h_n", "n", "M66 222H130"],
    ["read", "r", "M130 222H262"],
    ["n", "n", "M262 222V142"],
    ["written", "z", "M262 142V56"],
    ["h", "h", "M262 56H392"],
  ],
  arrows: [["h", 392, 56]],
  valves: [
    { of: "z", share: "z", from: "h_prev", at: [190, 56] },
    { of: "z", share: "not_z", from: "n", at: [262, 142], upright: true },
    { of: "r", share: "r", from: "h_n", at: [130, 222] },
  ],
  boxes: [
    ["n", 66, 222, "U"],
    ["r", 130, 268, "σ"],
    ["z", 190, 142, "σ"],
    ["z", 224, 142, "1−"],
    ["n", 262, 222, "tanh"],
  ],
  sums: [["h", 262, 56]],
  labels: [
    ["h_prev", "h_prev", 2, 30],
    ["z", "z", 116, 104],
    ["z", "kept", 176, 30],
    ["z", "not_z", 286, 147],
    ["z", "written", 274, 104],
    ["n", "n", 274, 190],
    ["n", "h_n", 36, 196],
    ["r", "r", 148, 274],
    ["h", "h", 312, 30],
  ],
  input: [82, 316],
  derived: {
    not_z: (v) => 1 - v.z,
    kept: (v) => v.z * v.h_prev,
    written: (v) => (1 - v.z) * v.n,
    read: (v) => v.r * v.h_n,
  },
  equations: [
    "r = σ( x_r + h_r )",
    "z = σ( x_z + h_z )",
    "n = tanh( x_n + r · h_n )",
    "h = ( 1 − z ) · n + z · h_prev",
  ],
  strips: [
    ["", "h_prev"],
    ["×", "z"],
    ["+", "n"],
    ["×", "not_z"],
    ["=", "h"],
    ["", "r"],
  ],
  holds: ["r", "z", "n", "h"],
  says: {
    x: "The token, as the layer reads it. Both gates and the candidate read it.",
    h_prev: "The hidden state so far. The gates and the candidate read that of all units.",
    r: "The reset gate: which share of U h the candidate reads. 0: as if the past were empty.",
    z: "The update gate: which share of the old h stays; the candidate gets the rest, 1 − z.",
    n: "The candidate: what the unit would become, from −1 to 1.",
    h: "The hidden state, memory and output in one: a mixture of the old h and the candidate.",
  },
};

function rnn(name) {
  return {
    box: [400, 190],
    thin: [
      ["h_prev", "M0 66H90"],
      ["x", "M190 190V150"],
    ],
    pipes: [
      ["h_a", "h_prev", "M90 66H190"],
      ["x_a", "x", "M190 142V66"],
      ["a", "a", "M190 66H290"],
      ["h", "h", "M290 66H392"],
    ],
    arrows: [["h", 392, 66]],
    valves: [],
    boxes: [
      ["h_prev", 82, 66, "U"],
      ["x", 190, 142, "W"],
      ["h", 290, 66, name],
    ],
    sums: [["a", 190, 66]],
    labels: [
      ["h_prev", "h_prev", 2, 40],
      ["h_prev", "h_a", 100, 40],
      ["x", "x_a", 206, 116],
      ["a", "a", 208, 40],
      ["h", "h", 316, 40],
    ],
    input: [204, 182],
    derived: {},
    equations: ["a = x_a + h_a", `h = ${name}( a )`],
    strips: [
      ["", "h_prev"],
      ["U, + W x", "a"],
      [name, "h"],
    ],
    holds: ["a", "h"],
    says: {
      x: "The token, as the layer reads it, weighed by W.",
      h_prev:
        "What all units said at the token before, weighed by U: there is no valve that keeps.",
      a: "The pre-activation: both sums added. Everything old is multiplied by U again each time.",
      h: "The hidden state: memory and output in one, written anew at each token.",
    },
  };
}

export const CIRCUITS = { LSTM, GRU, RNN_TANH: rnn("tanh"), RNN_RELU: rnn("ReLU") };

// How a name is written: [letter, index, what follows, its index]
const WRITTEN = {
  c_prev: ["c", "t−1"],
  h_prev: ["h", "t−1"],
  x: ["x", "t"],
  kept: ["f", "t", " c", "t−1"],
  written: ["i", "t", " g", "t"],
  not_z: ["1 − z", "t"],
  tanh_c: ["tanh c", "t"],
};
const WRITTEN_GRU = { kept: ["z", "t", " h", "t−1"], written: ["(1 − z", "t", ") n", "t"] };

export function written(kind, name) {
  const own = (kind === "GRU" && WRITTEN_GRU[name]) || WRITTEN[name];
  if (own) return own;
  const [side, gate] = name.split("_");
  if (!gate) return [name, "t"];
  const index = gate === "a" ? "" : gate;
  return side === "x" ? ["W", index, " x", "t"] : ["U", index, " h", "t−1"];
}

// The numbers of a unit at token t (from 0): those of the message and what follows from them.
// `states` are kept from before the first token on, so that c[t] is what token t finds.
export function valuesAt({ kind }, series, t) {
  const found = {};
  for (const [name, numbers] of Object.entries(series)) {
    if (name === "c" || name === "h") {
      found[`${name}_prev`] = numbers[t];
      found[name] = numbers[t + 1];
    } else found[name] = numbers[t];
  }
  for (const [name, value] of Object.entries(CIRCUITS[kind].derived)) found[name] = value(found);
  return found;
}

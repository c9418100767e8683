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
//   labels    names with their numbers: the part, the name, where they begin
//   products  numbers without a name
//   equations names and operators; names are replaced by numbers in a second version
//   strips    a step of the whole layer from top to bottom: an operator and a name
//   holds     what a person may hold
//   reads     what to see in the strips
//   hint      what a person might hold first
//   says      a sentence for each part

const LSTM = {
  box: [400, 300],
  thin: [
    ["h_prev", "M0 270H284"],
    ["x", "M36 300V270"],
    ["f", "M104 270V236M104 208V72"],
    ["i", "M150 270V236M150 208V140H180"],
    ["g", "M196 270V236"],
    ["o", "M284 270V236M284 208V168H300"],
  ],
  pipes: [
    ["c_prev", "c_prev", "M0 56H104"],
    ["kept", "f", "M104 56H196"],
    ["g", "g", "M196 222V140"],
    ["written", "i", "M196 140V56"],
    ["c", "c", "M196 56H388"],
    ["c", "c", "M310 56V168"],
    ["h", "h", "M310 168V222H388"],
  ],
  arrows: [
    ["c", 388, 56],
    ["h", 388, 222],
  ],
  valves: [
    { of: "f", share: "f", from: "c_prev", at: [104, 56] },
    { of: "i", share: "i", from: "g", at: [196, 140], upright: true },
    { of: "o", share: "o", from: "c", at: [310, 168], upright: true },
  ],
  boxes: [
    ["f", 104, 222, "σ"],
    ["i", 150, 222, "σ"],
    ["g", 196, 222, "tanh"],
    ["o", 284, 222, "σ"],
    ["h", 310, 112, "tanh"],
  ],
  sums: [["c", 196, 56]],
  labels: [
    ["c_prev", "c_prev", 2, 32],
    ["f", "f", 112, 108],
    ["i", "i", 221, 145],
    ["g", "g", 211, 190],
    ["c", "c", 318, 32],
    ["o", "o", 336, 173],
    ["h", "h", 318, 256],
    ["h_prev", "h_prev", 2, 258],
  ],
  products: [
    ["f", "kept", 130, 36],
    ["i", "written", 210, 104],
    ["h", "tanh_c", 325, 145],
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
  reads: "Where f is bright, c stays as it was; where i is bright, g is written into it.",
  hint: "Try f at 1 and i at 0: from there on c can no longer change.",
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
  box: [400, 300],
  thin: [
    ["h_prev", "M24 56V278H262M24 206H66"],
    ["x", "M72 300V278"],
    ["r", "M130 278V264M130 236V222"],
    ["z", "M190 278V148M190 120V72M190 134H246"],
    ["n", "M262 278V222"],
  ],
  pipes: [
    ["h_prev", "h_prev", "M0 56H190"],
    ["kept", "z", "M190 56H262"],
    ["h_n", "n", "M66 206H130"],
    ["read", "r", "M130 206H262"],
    ["n", "n", "M262 206V134"],
    ["written", "z", "M262 134V56"],
    ["h", "h", "M262 56H388"],
  ],
  arrows: [["h", 388, 56]],
  valves: [
    { of: "z", share: "z", from: "h_prev", at: [190, 56] },
    { of: "z", share: "not_z", from: "n", at: [262, 134], upright: true },
    { of: "r", share: "r", from: "h_n", at: [130, 206] },
  ],
  boxes: [
    ["n", 66, 206, "U"],
    ["r", 130, 250, "σ"],
    ["z", 190, 134, "σ"],
    ["z", 224, 134, "1−"],
    ["n", 262, 206, "tanh"],
  ],
  sums: [["h", 262, 56]],
  labels: [
    ["h_prev", "h_prev", 2, 32],
    ["z", "z", 118, 106],
    ["z", "not_z", 287, 139],
    ["n", "n", 276, 178],
    ["n", "h_n", 34, 180],
    ["r", "r", 148, 256],
    ["h", "h", 318, 32],
  ],
  products: [
    ["z", "kept", 206, 36],
    ["z", "written", 276, 100],
    ["r", "read", 158, 193],
  ],
  input: [82, 298],
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
  reads: "Where z is bright, h stays as it was; where it is dark, h becomes n.",
  hint: "Try z at 1: from there on h can no longer change.",
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
    box: [400, 240],
    thin: [
      ["h_prev", "M0 66H90"],
      ["x", "M190 230V160"],
    ],
    pipes: [
      ["h_a", "h_prev", "M90 66H190"],
      ["x_a", "x", "M190 152V66"],
      ["a", "a", "M190 66H290"],
      ["h", "h", "M290 66H388"],
    ],
    arrows: [["h", 388, 66]],
    valves: [],
    boxes: [
      ["h_prev", 82, 66, "U"],
      ["x", 190, 152, "W"],
      ["h", 290, 66, name],
    ],
    sums: [["a", 190, 66]],
    labels: [
      ["h_prev", "h_prev", 2, 40],
      ["h_prev", "h_a", 92, 40],
      ["x", "x_a", 206, 116],
      ["a", "a", 212, 40],
      ["h", "h", 318, 40],
    ],
    products: [],
    input: [202, 224],
    derived: {},
    equations: ["a = x_a + h_a", `h = ${name}( a )`],
    strips: [
      ["", "h_prev"],
      ["U, + Wx", "a"],
      [name, "h"],
    ],
    holds: ["a", "h"],
    reads: "No strip says what stays: each unit of h is made anew from all of them, and from x.",
    hint: "Try h at 1 or −1: nothing but a hold can keep it there.",
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
  not_z: ["1 − z", "t"],
};

export function written(name) {
  if (WRITTEN[name]) return WRITTEN[name];
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

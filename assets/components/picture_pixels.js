// Pixels of a picture: red, green and blue of each cell, row by row.

export const rgbOf = (color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));

// The picture moved by some cells. Those that leave are lost, empty ones come in.
export function shifted(pixels, size, dx, dy, empty) {
  return pixels.map((_, n) => {
    const cell = Math.floor(n / 3);
    const [x, y] = [(cell % size) - dx, Math.floor(cell / size) - dy];
    const isInside = x >= 0 && x < size && y >= 0 && y < size;
    return isInside ? pixels[3 * (y * size + x) + (n % 3)] : empty[n % 3];
  });
}

// The cells on the straight way from one to another: a quick pointer leaves some out
export function lineBetween([x0, y0], [x1, y1]) {
  const steps = Math.max(1, Math.abs(x1 - x0), Math.abs(y1 - y0));
  return Array.from({ length: steps + 1 }, (_, n) =>
    [x0 + ((x1 - x0) * n) / steps, y0 + ((y1 - y0) * n) / steps].map(Math.round),
  );
}

/*
 * Pillow's bicubic resampling of 8-bit images in its own fixed-point arithmetic (src/libImaging/Resample.c): what the
 * photo models were prepared with. The reference that the gateway's image pipeline is compared with.
 */

/** An interleaved RGB image. */
export interface Rgb {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const precision = 2 ** 22;
const a = -0.5;

const bicubic = (distance: number): number => {
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
};

interface Window {
  readonly first: number;
  readonly weights: readonly number[];
}

const windowsOf = (from: number, to: number): readonly Window[] => {
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - 2 * filterScale + 0.5));
    const last = Math.min(from, Math.trunc(centre + 2 * filterScale + 0.5));
    const weights = Array.from({ length: last - first }, (__, offset) => bicubic((first + offset - centre + 0.5) / filterScale));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => Math.trunc((weight / sum) * precision + (weight < 0 ? -0.5 : 0.5))) };
  });
};

const clip = (sum: number): number => Math.min(255, Math.max(0, Math.floor(sum / precision)));

const resizeRows = ({ width, height, data }: Rgb, to: number): Rgb => {
  const windows = windowsOf(width, to);
  const result = new Uint8Array(to * height * 3);
  for (let y = 0; y < height; y += 1) {
    windows.forEach(({ first, weights }, x) => {
      for (let channel = 0; channel < 3; channel += 1) {
        let sum = precision / 2;
        weights.forEach((weight, offset) => {
          sum += weight * (data[(y * width + first + offset) * 3 + channel] ?? 0);
        });
        result[(y * to + x) * 3 + channel] = clip(sum);
      }
    });
  }
  return { width: to, height, data: result };
};

const transpose = ({ width, height, data }: Rgb): Rgb => {
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) result.set(data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3), (x * height + y) * 3);
  return { width: height, height: width, data: result };
};

/** Resizes to `size` x `size`, columns after rows as Pillow does. */
export const pillowBicubic = (image: Rgb, size: number): Rgb => transpose(resizeRows(transpose(resizeRows(image, size)), size));

/** The centre square of floor(min(w, h) * size / (size + padding)) pixels. */
export const centreSquare = ({ width, height, data }: Rgb, size: number, padding: number): Rgb => {
  const side = Math.floor((Math.min(width, height) * size) / (size + padding));
  const left = Math.floor((width - side) / 2);
  const top = Math.floor((height - side) / 2);
  const result = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y += 1) result.set(data.subarray(((top + y) * width + left) * 3, ((top + y) * width + left + side) * 3), y * side * 3);
  return { width: side, height: side, data: result };
};

import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../../../src/bundle/read-bundle.ts';
import type { DecodedImage } from '../../../src/data-plane/inference/decode-image.ts';
import { decodeImage } from '../../../src/data-plane/inference/decode-image.ts';
import type { ImagePipeline } from '../../../src/data-plane/inference/image-pipeline.ts';
import type { InferenceFailure } from '../../../src/data-plane/inference/inference-failure.ts';
import { bombPng } from '../../support/bomb-png.ts';
import { centreSquare, pillowBicubic, type Rgb } from '../../support/pillow-bicubic.ts';
import { realBundle } from '../../support/real-bundles.ts';

const pipeline: ImagePipeline = {
  field: 'image',
  formats: ['jpeg', 'png', 'webp'],
  maxPixels: 25_000_000,
  cropSize: 224,
  cropPadding: 32,
  size: 224,
  kernel: 'cubic',
  mean: 127,
  scale: 128,
};
const plane = pipeline.size ** 2;

/** A gradient with a different slope in each channel, so that swapped channels and axes show. */
const gradient = (width: number, height: number): Rgb => {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) data.set([Math.floor((x * 255) / width), Math.floor((y * 255) / height), (x + y) % 256], (y * width + x) * 3);
  return { width, height, data };
};
const asSharp = ({ width, height, data }: Rgb) => sharp(data, { raw: { width, height, channels: 3 } });
const pngOf = (image: Rgb): Promise<Buffer> => asSharp(image).png().toBuffer();
const decode = (bytes: Uint8Array, changed: Partial<ImagePipeline> = {}): Promise<DecodedImage> =>
  decodeImage(Buffer.from(bytes).toString('base64'), { ...pipeline, ...changed });
const refusalOf = (decoding: Promise<unknown>): Promise<unknown> =>
  decoding.then(
    () => 'decoded',
    ({ reason, invalid }: InferenceFailure) => ({ reason, ...invalid }),
  );

/** Back from the tensor to 8-bit levels, interleaved. */
const levelsOf = ({ pixels }: DecodedImage): Uint8Array =>
  Uint8Array.from({ length: pixels.length }, (_, index) =>
    Math.round((pixels[(index % 3) * plane + Math.floor(index / 3)] ?? 0) * pipeline.scale + pipeline.mean),
  );

const differenceOf = (left: Uint8Array | Float32Array, right: Uint8Array | Float32Array): { readonly mean: number; readonly largest: number } => {
  let sum = 0;
  let largest = 0;
  left.forEach((value, index) => {
    const difference = Math.abs(value - (right[index] ?? 0));
    sum += difference;
    largest = Math.max(largest, difference);
  });
  return { mean: sum / left.length, largest };
};

/** Compared by a figure: a list of 150,000 differences helps nobody. */
const none = { mean: 0, largest: 0 };

describe('decodeImage on the golden photos', () => {
  let bundle: Bundle;
  beforeAll(async () => {
    bundle = await realBundle('photo-classifier', '1.0.0');
  });
  const photoOf = (file: string): string => String(bundle.golden.find((entry) => entry.file === file)?.golden.request.inputs[0]?.image);

  test.each(['01-coffee.json', '02-grey-png.json', '03-alpha-png.json', '04-low-light.json', '05-no-class.json', '06-cat-exif.json'])(
    'makes the tensor of the training pipeline from %s',
    async (file) => {
      const base64 = photoOf(file);
      const { data, info } = await sharp(Buffer.from(base64, 'base64'), { ignoreIcc: true })
        .removeAlpha()
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect(info.channels).toBe(3);
      const reference = pillowBicubic(centreSquare({ width: info.width, height: info.height, data }, pipeline.cropSize, pipeline.cropPadding), pipeline.size);
      const { mean, largest } = differenceOf(levelsOf(await decodeImage(base64, pipeline)), reference.data);
      expect(mean).toBeLessThan(0.5);
      expect(largest).toBeLessThanOrEqual(10);
    },
  );

  test('finds the dark photo dark and the others not', async () => {
    const lumas = await Promise.all(
      bundle.golden.map(async ({ file, golden }) => [file, (await decodeImage(String(golden.request.inputs[0]?.image), pipeline)).luma] as const),
    );
    expect(lumas.filter(([, luma]) => luma < 12).map(([file]) => file)).toEqual(['04-low-light.json']);
  });
});

describe('decodeImage', () => {
  test('gives planes of (v - mean) / scale in the order red, green, blue, and the mean luma', async () => {
    const data = new Uint8Array(64 * 64 * 3);
    for (let index = 0; index < data.length; index += 3) data.set([255, 127, 0], index);
    const { pixels, luma } = await decode(await pngOf({ width: 64, height: 64, data }));
    expect(pixels.length).toBe(3 * plane);
    expect([0, 1, 2].map((channel) => pixels[channel * plane + 17])).toEqual([1, 0, -0.9921875]);
    expect(luma).toBeCloseTo(0.299 * 255 + 0.587 * 127, 3);
  });

  test('does not apply an EXIF orientation', async () => {
    const image = gradient(200, 150);
    const [plain, turned] = await Promise.all([
      asSharp(image).jpeg({ quality: 100 }).toBuffer(),
      asSharp(image).jpeg({ quality: 100 }).withMetadata({ orientation: 6 }).toBuffer(),
    ]);
    expect((await sharp(turned).metadata()).orientation).toBe(6);
    expect(differenceOf((await decode(turned)).pixels, (await decode(plain)).pixels)).toEqual(none);
  });

  test('does not apply a colour profile', async () => {
    const image = gradient(100, 100);
    const [plain, profiled] = await Promise.all([pngOf(image), asSharp(image).withIccProfile('p3', { attach: true }).png().toBuffer()]);
    expect((await sharp(profiled).metadata()).icc).toBeDefined();
    const stored = await sharp(profiled, { ignoreIcc: true }).raw().toBuffer();
    const bare = await pngOf({ width: 100, height: 100, data: stored });
    expect(differenceOf((await decode(profiled)).pixels, (await decode(bare)).pixels)).toEqual(none);
    expect(plain.equals(bare)).toBe(false);
  });

  test('reads a grey image as three equal channels', async () => {
    const grey = await asSharp(gradient(80, 60)).greyscale().toColourspace('b-w').png().toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(1);
    const { pixels } = await decode(grey);
    expect(differenceOf(pixels.subarray(plane, 2 * plane), pixels.subarray(0, plane))).toEqual(none);
    expect(differenceOf(pixels.subarray(2 * plane), pixels.subarray(0, plane))).toEqual(none);
  });

  test('drops an alpha channel without blending it in', async () => {
    const image = gradient(80, 60);
    const withAlpha = await asSharp(image).ensureAlpha(0.25).png().toBuffer();
    expect((await sharp(withAlpha).metadata()).channels).toBe(4);
    expect(differenceOf((await decode(withAlpha)).pixels, (await decode(await pngOf(image))).pixels)).toEqual(none);
  });

  test.each([
    ['grey with alpha', (image: Rgb) => asSharp(image).greyscale().ensureAlpha(0.5).toColourspace('b-w').png()],
    ['16 bits a channel', (image: Rgb) => asSharp(image).toColourspace('rgb16').png()],
    ['a palette', (image: Rgb) => asSharp(image).png({ palette: true, colours: 16 })],
    ['interlaced rows', (image: Rgb) => asSharp(image).png({ progressive: true })],
    ['progressive JPEG', (image: Rgb) => asSharp(image).jpeg({ progressive: true })],
    ['CMYK JPEG', (image: Rgb) => asSharp(image).toColourspace('cmyk').jpeg()],
    ['lossless WebP', (image: Rgb) => asSharp(image).webp({ lossless: true })],
  ])('reads an image with %s as three channels', async (_, encode) => {
    const { pixels, luma } = await decode(await encode(gradient(90, 70)).toBuffer());
    const reference = await decode(await pngOf(gradient(90, 70)));
    expect(pixels.length).toBe(3 * plane);
    expect(Math.abs(luma - reference.luma)).toBeLessThan(12);
  });

  test.each([
    [1, 1],
    [1, 500],
    [3, 2],
  ])('decodes an image of %i x %i pixels', async (width, height) => {
    const { pixels } = await decode(await pngOf({ width, height, data: new Uint8Array(width * height * 3).fill(255) }));
    expect(new Set(pixels)).toEqual(new Set([1]));
  });

  test.each([
    ['a truncated JPEG', async () => (await asSharp(gradient(300, 300)).jpeg().toBuffer()).subarray(0, -400), 'an image that is truncated or damaged'],
    ['a truncated PNG', async () => (await pngOf(gradient(300, 300))).subarray(0, -400), 'an image that is truncated or damaged'],
    ['a truncated WebP', async () => (await asSharp(gradient(300, 300)).webp().toBuffer()).subarray(0, -400), /truncated or damaged|no such image/],
    ['text', async () => Buffer.from('Hello, I am no image at all.'), '28 bytes that are no such image'],
    ['a GIF', () => asSharp(gradient(20, 20)).gif().toBuffer(), /no such image/],
    ['a TIFF', () => asSharp(gradient(20, 20)).tiff().toBuffer(), /no such image/],
    ['an SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="20" height="20"/></svg>'), /no such image/],
  ])('refuses %s', async (_, make, got) => {
    expect(await refusalOf(decode(await make()))).toEqual({
      reason: 'invalid-input',
      row: 0,
      field: 'image',
      got: typeof got === 'string' ? got : expect.stringMatching(got),
      expected: expect.any(String),
    });
  });

  test('refuses a format that the bundle does not list', async () => {
    expect(await refusalOf(decode(await pngOf(gradient(20, 20)), { formats: ['jpeg'] }))).toMatchObject({
      reason: 'invalid-input',
      got: 'an image of format png',
      expected: expect.stringContaining('jpeg'),
    });
  });

  test.each([
    ['text that is no base64', '@@@@'],
    ['base64url', '-_-_'],
    ['base64 with a line break', 'AAAA\nAAA'],
    ['base64 without its padding', 'AAAAA'],
    ['padding alone', '===='],
    ['base64 that stops in the middle', 'AAA=AAAA'],
    ['a data URL', 'data:image/png;base64,AAAA'],
    ['nothing', ''],
  ])('refuses %s', async (_, base64) => {
    expect(await refusalOf(decodeImage(base64, pipeline))).toMatchObject({ reason: 'invalid-input', got: `${base64.length} characters that are not base64` });
  });

  test('refuses a decompression bomb by its header, in little time and memory', async () => {
    const bomb = await bombPng(30_000);
    expect(bomb.length).toBeLessThan(1_000_000);
    const base64 = bomb.toString('base64');
    const peakMiB = (): number => process.resourceUsage().maxRSS / 1_024;
    const before = { ms: performance.now(), peakMiB: peakMiB() };
    expect(await refusalOf(decodeImage(base64, pipeline))).toMatchObject({ reason: 'invalid-input', got: '30000 x 30000 pixels' });
    expect(performance.now() - before.ms).toBeLessThan(1_000);
    expect(peakMiB() - before.peakMiB).toBeLessThan(100);
  });

  test('accepts an image of just the allowed pixels and refuses one row more', async () => {
    const limited = { maxPixels: 300 * 200 };
    expect(await refusalOf(decode(await pngOf(gradient(300, 200)), limited))).toBe('decoded');
    expect(await refusalOf(decode(await pngOf(gradient(300, 201)), limited))).toMatchObject({ got: '300 x 201 pixels' });
  });
});

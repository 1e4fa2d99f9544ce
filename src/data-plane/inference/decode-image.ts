import sharp from 'sharp';
import type { ImagePipeline } from './image-pipeline.ts';
import { InferenceFailure } from './inference-failure.ts';

/** A decoded image: planar RGB `[3, size, size]` ready for the tensor, and its mean luma (0-255) before normalisation. */
export interface DecodedImage {
  readonly pixels: Float32Array;
  readonly luma: number;
}

// One decode uses one thread: parallelism comes from the requests. The cache would only keep personal data in memory.
sharp.concurrency(1);
sharp.cache(false);
// Bytes of an unknown sender meet three decoders only, not also those for SVG, PDF, TIFF and the rest.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer'] });

interface Unreadable {
  readonly got: string;
  readonly expected: string;
  readonly cause?: unknown;
}

const invalid = ({ field }: ImagePipeline, { got, expected, cause }: Unreadable): InferenceFailure =>
  new InferenceFailure('invalid-input', 'the image cannot be read', { cause, invalid: { row: 0, field, got, expected } });

const bytesOf = (base64: string, pipeline: ImagePipeline): Buffer => {
  const bytes = Buffer.from(base64, 'base64');
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  // Node skips what is no base64, so only the length tells; it also reads the alphabet of base64url.
  const isUrlSafe = base64.includes('-') || base64.includes('_');
  if (isUrlSafe || base64.length % 4 !== 0 || bytes.length !== (base64.length / 4) * 3 - padding || bytes.length === 0) {
    throw invalid(pipeline, { got: `${base64.length} characters that are not base64`, expected: 'standard base64 with padding (RFC 4648, section 4)' });
  }
  return bytes;
};

const cropBox = (width: number, height: number, { cropSize, cropPadding }: ImagePipeline) => {
  const side = Math.max(1, Math.floor((Math.min(width, height) * cropSize) / (cropSize + cropPadding)));
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
};

const lumaWeights = [0.299, 0.587, 0.114] as const;

/** Interleaved RGB bytes to planes of (v - mean) / scale, with the mean luma (ITU-R BT.601 weights). */
const toPlanes = (rgb: Uint8Array, { size, mean, scale }: ImagePipeline): DecodedImage => {
  const plane = size * size;
  const pixels = new Float32Array(3 * plane);
  let luma = 0;
  for (let channel = 0; channel < 3; channel += 1) {
    let sum = 0;
    for (let index = 0; index < plane; index += 1) {
      const value = rgb[index * 3 + channel] ?? 0;
      sum += value;
      pixels[channel * plane + index] = (value - mean) / scale;
    }
    luma += sum * (lumaWeights[channel] ?? 0);
  }
  return { pixels, luma: luma / plane };
};

/** Whether the end of the file is there: a decoder that needs only the centre does not miss it. */
const isWhole = (bytes: Buffer, format: string): boolean => {
  if (format === 'png') return bytes.includes('IEND');
  if (format === 'webp') return bytes.length >= 8 && bytes.length >= bytes.readUInt32LE(4) + 8;
  return bytes.includes(endOfJpeg);
};
const endOfJpeg = Buffer.from([0xff, 0xd9]);

const truncated = { got: 'an image that is truncated or damaged', expected: 'a complete image' } as const;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
}

const readHeader = async (bytes: Buffer, pipeline: ImagePipeline): Promise<Header> => {
  const expected = `an image of ${pipeline.formats.join(', ')} with at most ${pipeline.maxPixels} pixels`;
  const { width, height, format, hasAlpha } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw invalid(pipeline, { got: `${bytes.length} bytes that are no such image`, expected, cause });
    });
  if (!pipeline.formats.includes(format)) throw invalid(pipeline, { got: `an image of format ${format}`, expected });
  if (width * height > pipeline.maxPixels) throw invalid(pipeline, { got: `${width} x ${height} pixels`, expected });
  if (!isWhole(bytes, format)) throw invalid(pipeline, truncated);
  return { width, height, hasAlpha };
};

/** The centre square, resized: interleaved 8-bit RGB. */
const cropAndResize = async (bytes: Buffer, { width, height, hasAlpha }: Header, pipeline: ImagePipeline): Promise<Uint8Array> => {
  const box = cropBox(width, height, pipeline);
  const cropped = sharp(bytes, { ignoreIcc: true, limitInputPixels: pipeline.maxPixels, failOn: 'warning' }).removeAlpha().toColourspace('srgb').extract(box);
  // In one go sharp would weigh the colours by their opacity while it resizes, and drop the alpha channel only then.
  const opaque = hasAlpha ? sharp(await cropped.raw().toBuffer(), { raw: { width: box.width, height: box.height, channels: 3 } }) : cropped;
  return opaque.resize(pipeline.size, pipeline.size, { fit: 'fill', kernel: pipeline.kernel, fastShrinkOnLoad: false }).raw().toBuffer();
};

/**
 * Decodes one base64 image into tensor values. The header is read first, so a decompression bomb is refused before its
 * pixels exist. Embedded colour profiles and EXIF orientation are not applied, as in the training pipeline.
 *
 * @throws InferenceFailure invalid-input for what is no complete image of an accepted format
 */
export const decodeImage = async (base64: string, pipeline: ImagePipeline): Promise<DecodedImage> => {
  const bytes = bytesOf(base64, pipeline);
  const header = await readHeader(bytes, pipeline);
  const rgb = await cropAndResize(bytes, header, pipeline).catch((cause: unknown) => {
    throw invalid(pipeline, { ...truncated, cause });
  });
  return toPlanes(rgb, pipeline);
};

import type { Tensor, Tensors } from '../contract/tensor.ts';
import type { DecodedImage } from './decode-image.ts';
import type { ImagePipeline } from './image-pipeline.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { OnnxSession } from './onnx-session.ts';

/** The result of one run over `rows` rows: the output tensors, and the mean luma (0-255) of each row's image, if there are images. */
export interface RunResult {
  readonly outputs: Tensors;
  readonly luma: Float32Array | null;
  /** Time in the model and in image decoding, milliseconds. */
  readonly computeMs: number;
}

/** An image pipeline and the tensor that it feeds. */
export interface ImageInput {
  readonly tensor: string;
  readonly pipeline: ImagePipeline;
}

/** Runs encoded rows: images are decoded, then the graph runs. The same in the gateway's process and in a worker. */
export type Execute = (feeds: Tensors) => Promise<RunResult>;

const decodeRow = async (base64: string, row: number, pipeline: ImagePipeline): Promise<DecodedImage> => {
  // Loaded on first use: sharp costs 100 ms of start-up, and tabular models never need it.
  const { decodeImage } = await import('./decode-image.ts');
  return decodeImage(base64, pipeline).catch((error: unknown) => {
    const failure = InferenceFailure.from(error);
    throw failure.invalid === null
      ? failure
      : new InferenceFailure('invalid-input', failure.message, { cause: failure.cause, invalid: { ...failure.invalid, row } });
  });
};

const imageTensor = async (texts: readonly string[], pipeline: ImagePipeline): Promise<{ readonly tensor: Tensor; readonly luma: Float32Array }> => {
  const images = await Promise.all(texts.map((text, row) => decodeRow(text, row, pipeline)));
  const width = 3 * pipeline.size * pipeline.size;
  const data = new Float32Array(images.length * width);
  images.forEach((image, row) => {
    data.set(image.pixels, row * width);
  });
  return {
    tensor: { datatype: 'FP32', shape: [images.length, 3, pipeline.size, pipeline.size], data },
    luma: Float32Array.from(images, (image) => image.luma),
  };
};

/** Joins a graph with the image pipeline that feeds it, if it has one. */
export const createExecutor = (session: OnnxSession, image: ImageInput | null, monotonicMs: () => number): Execute => {
  if (image === null) {
    return async (feeds) => {
      const startedMs = monotonicMs();
      const outputs = await session.run(feeds);
      return { outputs, luma: null, computeMs: monotonicMs() - startedMs };
    };
  }
  return async (feeds) => {
    const startedMs = monotonicMs();
    const texts = feeds[image.tensor]?.data;
    if (!Array.isArray(texts)) throw new Error(`the feed ${image.tensor} is not text`);
    const { tensor, luma } = await imageTensor(texts, image.pipeline);
    const outputs = await session.run({ ...feeds, [image.tensor]: tensor });
    return { outputs, luma, computeMs: monotonicMs() - startedMs };
  };
};

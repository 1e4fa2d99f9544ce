import type { ImageStep } from '../../bundle/manifest.ts';

/** How images of one version are made into tensor rows: the manifest's image steps with every value present. */
export interface ImagePipeline {
  readonly field: string;
  readonly formats: readonly string[];
  readonly maxPixels: number;
  readonly cropSize: number;
  readonly cropPadding: number;
  readonly size: number;
  readonly kernel: 'cubic' | 'lanczos3' | 'linear' | 'nearest';
  readonly mean: number;
  readonly scale: number;
}

/** Reads the pipeline from the manifest's steps; null when they are not the four image steps in order. */
export const imagePipelineOf = (steps: readonly ImageStep[]): ImagePipeline | null => {
  const [decode, crop, resize, normalise] = steps;
  if (steps.length !== 4 || decode === undefined || !('decode' in decode) || crop === undefined || !('crop' in crop)) return null;
  if (resize === undefined || !('resize' in resize) || normalise === undefined || !('normalise' in normalise)) return null;
  return {
    ...decode.decode,
    cropSize: crop.crop.size,
    cropPadding: crop.crop.padding,
    size: resize.resize.size,
    kernel: resize.resize.kernel,
    ...normalise.normalise,
  };
};

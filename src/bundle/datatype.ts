/** Tensor element types that the gateway feeds and reads, in the Open Inference Protocol's spelling. */
export const datatypes = ['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES'] as const;
export type Datatype = (typeof datatypes)[number];

/** The numbers that a tensor of each datatype can hold and JSON can tell apart; no bounds for text. */
export const datatypeLimits: Readonly<Record<Datatype, readonly [number, number]>> = {
  BOOL: [0, 1],
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0, Number.MAX_SAFE_INTEGER],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  FP16: [-65_504, 65_504],
  FP32: [-3.4028234663852886e38, 3.4028234663852886e38],
  FP64: [-Number.MAX_VALUE, Number.MAX_VALUE],
  BYTES: [Number.NaN, Number.NaN],
};

/** Whether a datatype holds whole numbers only. */
export const isWhole = (datatype: Datatype): boolean => datatype.includes('INT') || datatype === 'BOOL';

/** Whether a number enters a tensor as a finite number, and a whole one if the tensor has only whole ones. */
export const fits = (value: number, datatype: Datatype): boolean => {
  const [lowest, highest] = datatypeLimits[datatype];
  return datatype === 'BYTES' || (value >= lowest && value <= highest && (!isWhole(datatype) || Number.isInteger(value)));
};

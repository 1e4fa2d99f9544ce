/** The first bytes of JPEG, PNG and WebP files; none of them is how base64 text of such a file begins. */
const magic = [Buffer.from([0xff, 0xd8]), Buffer.from([0x89, 0x50, 0x4e, 0x47]), Buffer.from('RIFF')];

/** A BYTES element of an image field as base64 text: it is the file's own bytes, or that text already. */
export const imageText = (element: Uint8Array): string => {
  const bytes = Buffer.from(element.buffer, element.byteOffset, element.length);
  return magic.some((start) => bytes.subarray(0, start.length).equals(start)) ? bytes.toString('base64') : bytes.toString('latin1');
};

/** What may lie in a bundle's folder without being part of the bundle: no digest and no signature covers it. */

export const signatureFile = 'model.sig';
/** Made after the bundle and about it, so outside its digest and its signature. */
export const filesOutsideDigest: readonly string[] = ['signoffs.yaml', signatureFile];
/** What version control leaves in a folder; never part of a bundle. */
export const ignoredByVersionControl: readonly string[] = ['.git', '.gitattributes', '.github', '.gitignore'];

/** Whether a path of a bundle leads to such a file, also by another spelling that a file system takes for the same. */
export const isOutsideDigest = (path: string): boolean => {
  const [first = '', ...rest] = path
    .toLowerCase()
    .split('/')
    .filter((name) => name !== '.');
  return ignoredByVersionControl.includes(first) || (rest.length === 0 && filesOutsideDigest.includes(first));
};

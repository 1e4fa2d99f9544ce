/**
 * The protocol's names are freer than a bundle's: `my_model` and version `1`. Each has one spelling here, so that clients
 * that ask for the old name are understood.
 */

const isModelName = (name: string): boolean => /^[a-z0-9][a-z0-9-]{0,62}$/.test(name);

/** The bundle name of a model of the protocol; empty for a name that has no letter or digit. */
export const bundleModelName = (name: string): string => {
  if (isModelName(name)) return name;
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
};

/** The bundle version of a version of the protocol: `1` is `1.0.0`, `v2.1` is `2.1.0`; what has no such form stays as it is. */
export const bundleVersion = (version: string): string => {
  const match = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$/.exec(version);
  if (match === null) return version;
  return [match[1], match[2], match[3]].map((part) => String(Number(part ?? 0))).join('.');
};

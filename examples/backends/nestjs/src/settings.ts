/** A setting that has no sensible default. */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name}; the README says to what.`);
  return value;
}

/*
 * What is rendered into the README stands between two marks, so that it can be rendered anew and compared.
 */

const begin = (name: string) => `<!-- rendered by npm run bench:readme: ${name} -->`;
const end = (name: string) => `<!-- end of ${name} -->`;

/** What stands between the marks of that name. */
export function shownIn(readme: string, name: string): string {
  const from = readme.indexOf(begin(name));
  const to = readme.indexOf(end(name));
  if (from < 0 || to < from) throw new Error(`the README must have the lines ${begin(name)} and ${end(name)}`);
  return readme.slice(from + begin(name).length, to).trim();
}

/** The README with something else between the marks of that name. */
export function withShown(readme: string, name: string, text: string): string {
  shownIn(readme, name);
  const from = readme.indexOf(begin(name)) + begin(name).length;
  return `${readme.slice(0, from)}\n\n${text}\n\n${readme.slice(readme.indexOf(end(name)))}`;
}

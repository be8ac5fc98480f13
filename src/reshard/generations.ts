import type { FileSystem } from '../io/file-system.js';
import { generationDirectory, listGenerations, type Manifest, writeManifest } from '../manifest.js';

/**
 * Removes the generations that the store does not use: one that was not finished, or the one before. Only once all
 * shards of the one in use were found good.
 */
export function settleGenerations(files: FileSystem, directory: string, manifest: Manifest): void {
  const others = listGenerations(files, directory).filter((generation) => generation !== manifest.generation);
  if (others.length === 0) return;
  // A crash may have come between the switch and its sync, or that sync have failed: until the manifest is certain to be
  // on the disk, a power cut can bring back the one that names the generation before.
  if (others.some((generation) => generation < manifest.generation)) writeManifest(files, directory, manifest);
  for (const generation of others) files.removeTree(generationDirectory(directory, generation));
  files.syncDirectory(directory);
}

/** Folders that were dropped or chosen: the recordings in them, however deep, by path. */

/** Endings of the names of files that the service reads; a test compares them with its own list. */
const ENDINGS = new Set(
  (
    '3g2 3gp aac ac3 adts aif aifc aiff amr ape asf au avi awb bwf caf dts dtshd eac3 ec3 f4v flac flv ' +
    'latm loas m2ts m4a m4b m4r m4v mka mkv mlp mov mp2 mp3 mp4 mpc mpeg mpg mpga mts oga ogg ogv opus qt ' +
    'rf64 snd spx tak thd ts tta vob voc w64 wav wave weba webm wma wmv wv'
  ).split(' '),
);

/** The recordings among files; covers, lists and hidden files of a folder are none. */
export function recordings(files: readonly File[]): File[] {
  return files.filter(({ name }) => !name.startsWith('.') && ENDINGS.has(name.split('.').pop()!.toLowerCase()));
}

/** What was dropped: files as they are, folders as the recordings in them. */
export async function recordingsIn(entries: readonly (FileSystemEntry | null)[]): Promise<File[]> {
  const found: File[] = [];
  for (const entry of entries) {
    if (entry?.isFile) found.push(await fileOf(entry as FileSystemFileEntry));
    else if (entry) found.push(...(await inside(entry as FileSystemDirectoryEntry)));
  }
  return found;
}

async function inside(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  // Some browsers hand out a hundred at a time.
  for (let some; (some = await read(reader)).length;) entries.push(...some);
  entries.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const found: File[] = [];
  for (const entry of entries) {
    if (entry.isDirectory) found.push(...(await inside(entry as FileSystemDirectoryEntry)));
    else found.push(...recordings([await fileOf(entry as FileSystemFileEntry)]));
  }
  return found;
}

function read(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

import type { Track } from '../api/types';

/** What is said of tracks that were just deleted. */
export function deletedWords(tracks: readonly Track[]): string {
  return tracks.length === 1
    ? `“${tracks[0]!.title}” is deleted. To have it again later, you will need its file.`
    : `${tracks.length} tracks are deleted. To have them again later, you will need their files.`;
}

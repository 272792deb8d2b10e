/** Recordings kept in this browser until they can be identified: one object store of IndexedDB. */

export interface Kept {
  readonly id: string;
  /** When it was made: ISO 8601, UTC. */
  readonly made: string;
  readonly name: string;
  readonly content: Blob;
}

const DATABASE = 'earmark';
const STORE = 'recordings';

/** Whether this browser can keep anything. */
export function canKeep(): boolean {
  return typeof indexedDB !== 'undefined';
}

/** What is kept, oldest first. */
export async function allKept(): Promise<Kept[]> {
  const found = await run<Kept[]>('readonly', (store) => store.getAll());
  return found.sort((a, b) => a.made.localeCompare(b.made));
}

export async function keep(recording: Kept): Promise<void> {
  await run('readwrite', (store) => store.put(recording));
}

export async function forget(id: string): Promise<void> {
  await run('readwrite', (store) => store.delete(id));
}

function run<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'id' });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      // Only a transaction that is complete is on the disk.
      transaction.oncomplete = () => resolve(request.result as T);
      transaction.onabort = () => reject(transaction.error);
      transaction.addEventListener('complete', () => database.close());
      transaction.addEventListener('abort', () => database.close());
    };
  });
}

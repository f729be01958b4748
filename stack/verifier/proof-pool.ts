/**
 * Processes that check proofs (proof-worker.ts), started when there is work for them and kept warm. The first proof of a process costs 12 s with the native
 * back end of o1js and some 40 s with WebAssembly, each further one 0.7 s and 2.5 s; so another process is started only where many wait.
 *
 * o1js is not installed with the toolkit (202 MB): `npm ci --prefix proofs`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { distFile, projectRoot } from '../../paths.ts';
import { UserError } from '../../user-error.ts';

export type ProofJob = {
  /** The proof's s-expression (mina/proof.ts). */
  proof: string;
  /** Elements of Fp, decimal. */
  publicInput: readonly string[];
  /** Verification key as o1js takes it (mina/verification-key.ts). */
  key: string;
};

export type ProofChecker = {
  /** @throws Error where nothing can be said of the proof: o1js does not run here */
  check(job: ProofJob): Promise<boolean>;
  close(): Promise<void>;
};

export const BACKENDS = ['auto', 'native', 'wasm'] as const;
export type Backend = (typeof BACKENDS)[number];

export type ToProofWorker =
  | { kind: 'start'; module: string; backend: 'native' | 'wasm'; known: ProofJob }
  | { kind: 'check'; id: number; job: ProofJob };
export type FromProofWorker =
  | { kind: 'ready' }
  | { kind: 'unusable'; why: string }
  | { kind: 'checked'; id: number; valid: boolean }
  | { kind: 'unchecked'; id: number; why: string };

const PROOFS_FOLDER = join(projectRoot, 'proofs');
const INSTALL = 'npm ci --prefix proofs';

/** @returns why proofs cannot be checked here; null: o1js is installed */
export function whyNoProofs(folder = PROOFS_FOLDER): string | null {
  return existsSync(join(folder, 'node_modules', 'o1js', 'package.json'))
    ? null
    : 'o1js, which checks proofs, is not installed';
}

export type ProofPoolOptions = {
  /** Processes at most. Default: a core each, at most 4. */
  workers?: number;
  /** `auto`: native where it starts, else wasm. */
  backend?: Backend;
  /** A valid proof that each process checks first, so that a machine on which o1js does not work makes no proof invalid. */
  known: ProofJob;
  onNote?: (text: string) => void;
  /** The program of a worker; tests have others. */
  program?: string;
};

/** 300 MB each with the native back end, 400 MB with WebAssembly. */
const MOST_WORKERS = 4;
/** A start costs as much as this many proofs. */
const WAITING_PER_START = 16;
/** A process that died with the same job twice dies of it. */
const TRIES = 2;

type Waiting = {
  id: number;
  job: ProofJob;
  tries: number;
  resolve: (valid: boolean) => void;
  reject: (error: Error) => void;
};

type Worker = { child: ChildProcess; isReady: boolean; job: Waiting | null };

/** @throws UserError where o1js is not installed */
export function openProofPool(options: ProofPoolOptions): ProofChecker {
  const why = options.program === undefined ? whyNoProofs() : null;
  if (why !== null)
    throw new UserError(why, {
      hint: `install it with "${INSTALL}" in ${projectRoot} (202 MB), or use --no-checks`,
    });
  return new ProofPool(options);
}

class ProofPool implements ProofChecker {
  readonly #options: ProofPoolOptions;
  readonly #most: number;
  readonly #waiting: Waiting[] = [];
  readonly #workers = new Set<Worker>();
  #backend: 'native' | 'wasm';
  #ids = 0;
  /** Why no process can check anything; from then on every job says so. */
  #unusable: string | null = null;
  #isClosed = false;

  constructor(options: ProofPoolOptions) {
    this.#options = options;
    this.#most = options.workers ?? Math.min(availableParallelism(), MOST_WORKERS);
    this.#backend = options.backend === 'wasm' ? 'wasm' : 'native';
  }

  check(job: ProofJob): Promise<boolean> {
    if (this.#isClosed) return Promise.reject(new Error('the checker of proofs was closed'));
    if (this.#unusable !== null) return Promise.reject(new Error(this.#unusable));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id: this.#ids++, job, tries: 0, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0))
      reject(new Error('the checker of proofs was closed'));
    await Promise.all(
      [...this.#workers].map(
        ({ child }) =>
          new Promise<void>((resolve) => {
            child.once('exit', () => resolve());
            child.kill('SIGKILL');
          }),
      ),
    );
  }

  #next(): void {
    for (const worker of this.#workers) {
      if (this.#waiting.length === 0) return;
      if (worker.isReady && worker.job === null) this.#give(worker, this.#waiting.shift()!);
    }
    const wanted = Math.min(
      this.#most,
      this.#waiting.length === 0 ? 0 : 1 + Math.floor(this.#waiting.length / WAITING_PER_START),
    );
    if (this.#workers.size < wanted) this.#start();
  }

  #give(worker: Worker, waiting: Waiting): void {
    worker.job = waiting;
    waiting.tries++;
    this.#tell(worker, { kind: 'check', id: waiting.id, job: waiting.job });
  }

  #tell({ child }: Worker, message: ToProofWorker): void {
    // A child that is gone reports itself by its exit.
    child.send(message, () => undefined);
  }

  #start(): void {
    const { program = distFile('proof-worker.js'), known } = this.#options;
    const backend = this.#backend;
    const cores = Math.max(1, Math.floor(availableParallelism() / this.#most));
    const child = fork(program, [], {
      execArgv: ['--enable-source-maps'],
      // A group of its own: Ctrl-C reaches this process alone. The child ends when the channel does.
      detached: true,
      env: { ...process.env, RAYON_NUM_THREADS: String(cores), O1JS_BACKEND: backend },
      // Its words are not ours: nothing of them may stand between the answers.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const worker: Worker = { child, isReady: false, job: null };
    this.#workers.add(worker);
    child.on('message', (message: FromProofWorker) => this.#hear(worker, message, backend));
    child.on('error', () => undefined);
    child.on('exit', (code, signal) => this.#lose(worker, code, signal));
    const module = pathToFileURL(join(PROOFS_FOLDER, 'o1js.mjs')).href;
    this.#tell(worker, { kind: 'start', module, backend, known });
  }

  #hear(worker: Worker, message: FromProofWorker, backend: 'native' | 'wasm'): void {
    switch (message.kind) {
      case 'ready':
        worker.isReady = true;
        break;
      case 'unusable':
        this.#workers.delete(worker);
        worker.child.kill('SIGKILL');
        this.#giveUp(backend, message.why);
        break;
      case 'checked':
        worker.job?.resolve(message.valid);
        worker.job = null;
        break;
      case 'unchecked':
        worker.job?.reject(new Error(message.why));
        worker.job = null;
        break;
    }
    this.#next();
  }

  /** A back end that does not start leaves the other one. */
  #giveUp(backend: 'native' | 'wasm', why: string): void {
    if (backend === 'native' && this.#options.backend !== 'native') {
      if (this.#backend === 'native')
        this.#options.onNote?.(`o1js runs in WebAssembly, its native back end does not: ${why}`);
      this.#backend = 'wasm';
      return;
    }
    if ([...this.#workers].some(({ isReady }) => isReady)) return;
    this.#unusable = `o1js does not work here: ${why}`;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(this.#unusable));
  }

  #lose(worker: Worker, code: number | null, signal: NodeJS.Signals | null): void {
    if (!this.#workers.delete(worker) || this.#isClosed) {
      worker.job?.reject(new Error('the checker of proofs was closed'));
      return;
    }
    const end = signal === null ? `code ${code}` : `signal ${signal}`;
    const { job } = worker;
    if (!worker.isReady) this.#giveUp(this.#backend, `it ended with ${end} while it started`);
    else if (job !== null && job.tries < TRIES) this.#waiting.unshift(job);
    else job?.reject(new Error(`o1js ended with ${end} at this proof, ${TRIES} times`));
    this.#next();
  }
}

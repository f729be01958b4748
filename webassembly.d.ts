/**
 * The part of the WebAssembly JavaScript interface that this project uses. TypeScript ships it only with the types of
 * the browser (lib "dom"), and @types/node 20 has none.
 * Source: w3.org/TR/wasm-js-api-2.
 */
declare namespace WebAssembly {
  /** Whether this engine could compile it. */
  function validate(bytes: Uint8Array): boolean;
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  type Memory = { readonly buffer: ArrayBuffer };
  type Global = { value: unknown };
}

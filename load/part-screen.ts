/** The screen of a load that is one of many: its steps are nobody's news; the line that changes, and an answer to Ctrl-C, are. */
import { Screen, type StatusText, textFor } from '../system/screen.ts';

export class PartScreen extends Screen {
  readonly #name: string;
  constructor(output: ConstructorParameters<typeof Screen>[0], name: string) {
    super(output);
    this.#name = name;
  }
  override line(): void {
    // Left out.
  }
  override status(text: StatusText): void {
    const before = `${this.#name} | `;
    super.status((width) => before + textFor(text, width - before.length));
  }
}

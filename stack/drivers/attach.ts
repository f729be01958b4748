/** Takes over a component that another process started. */
import { type Engine, containerBy } from './container.ts';
import type { Component, Handle, Marks } from './driver.ts';
import { processComponent } from './process.ts';

/** @param engine needed for a container. @throws UserError if the engine is not there */
export async function attach(
  about: { name: string; url: string | null; marks: Marks },
  handle: Handle,
  engine: Engine | null,
): Promise<Component> {
  if (handle.kind === 'process') return processComponent(about, handle, null);
  if (engine === null) throw new RangeError(`${about.name} is a container, and no engine is given`);
  return containerBy({ ...about, ...handle, engine });
}

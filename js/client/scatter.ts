/** Waits for about so long: all who were cut off at once do not come back at once. */
export function scattered(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())));
}

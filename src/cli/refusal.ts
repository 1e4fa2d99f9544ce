/** What was given cannot become a bundle; the message says why, and what would do. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

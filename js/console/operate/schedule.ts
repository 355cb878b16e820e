/** Packets come in batches, ten a second, over a network that is not even. */
const CUSHION_S = 0.25;
/** What is due within this of the last one's end follows it without a gap. */
const CLOSE_S = 0.2;
/** More than this behind the call, sound is skipped. */
const MOST_S = 1;

/** When the packets of one side are played, in seconds of the player's clock. Pure. */
export class Schedule {
  /** The player's time at the call's zero. */
  private zero = -Infinity;
  private end = 0;
  private behind = false;

  /** Where a packet of `seconds` begins that passed the server at `at` seconds; null: nowhere. */
  when(at: number, seconds: number, now: number): number | null {
    this.behind = this.end - now > (this.behind ? CUSHION_S : MOST_S);
    if (this.behind) {
      this.zero = -Infinity;
      return null;
    }
    let start = this.zero + at;
    if (this.end > now && Math.abs(start - this.end) < CLOSE_S) start = this.end;
    else if (start < Math.max(now, this.end)) {
      start = Math.max(now + CUSHION_S, this.end);
      this.zero = start - at;
    }
    this.end = start + seconds;
    return start;
  }
}

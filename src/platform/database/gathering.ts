interface Asked<Question, Answer> {
  question: Question;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

/**
 * Puts the questions of one moment together, so that a thousand machines at once cost a few statements and not a
 * thousand. Nobody waits for company: the first goes out when the event loop's turn ends, and what is asked while it
 * is under way goes out together after it. An answer never comes from a look that began before its question.
 */
export class Gathering<Question, Answer> {
  private asked: Asked<Question, Answer>[] = [];
  private busy = false;

  /** `answer` gives as many answers as there are questions, in their order. */
  constructor(
    private readonly answer: (questions: readonly Question[]) => Promise<readonly Answer[]>,
    private readonly mostAtOnce = 250,
  ) {}

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.asked.push({ question, resolve, reject });
      if (this.busy) return;
      this.busy = true;
      setImmediate(() => void this.answerAll());
    });
  }

  private async answerAll(): Promise<void> {
    while (this.asked.length > 0) await this.put(this.asked.splice(0, this.mostAtOnce));
    this.busy = false;
  }

  /** Never rejects. What cannot be answered together is tried one by one: nobody fails by another's question. */
  private async put(asked: readonly Asked<Question, Answer>[]): Promise<void> {
    try {
      const answers = await this.answer(asked.map(({ question }) => question));
      asked.forEach(({ resolve }, at) => resolve(answers[at] as Answer));
    } catch (error) {
      if (asked.length > 1) await Promise.all(asked.map((one) => this.put([one])));
      else asked[0]?.reject(error);
    }
  }
}

// The attempts of a job that needed several, oldest first: those that are over, and the one that is under way. Of a job with one attempt,
// and of a server that does not tell them, none. Pure. [{number, reason, started, ended}]: times as the API writes them; the one under way
// has no reason and no end, and begins when the one before it ended, as far as that is known.
export function attemptsOf(job) {
  const over = Array.isArray(job.attempt_history) ? job.attempt_history : [];
  if (over.length === 0) return [];
  const rows = over.map(({attempt, reason, started_on: started, finished_on: ended}) => ({number: attempt, reason, started, ended}));
  const open = job.job_status === 'queued' || job.job_status === 'started';
  if (open && rows.at(-1).number < job.attempts) rows.push({number: job.attempts, reason: '', started: rows.at(-1).ended, ended: undefined});
  return rows;
}

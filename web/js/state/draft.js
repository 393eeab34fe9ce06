// A new job that is filled in or being sent: {busy, dirty, told, place}. The view of it is hidden, not ended, while a person looks at others.
//   busy    it is being sent
//   dirty   something is filled in
//   told    'made' or 'failed': how the sending ended while the view was hidden
//   place   the fragment of what was made
export const noDraft = {busy: false, dirty: false, told: '', place: ''};

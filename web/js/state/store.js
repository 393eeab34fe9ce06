// A value that views watch. `set` takes a new value or a function of the present one.
export function createStore(value) {
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      const before = value;
      value = typeof next === 'function' ? next(value) : next;
      if (!Object.is(before, value)) for (const watcher of [...watchers]) watcher(value);
    },
    // Returns a function that ends the watch.
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

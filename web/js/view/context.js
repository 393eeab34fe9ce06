// What all views share, given once by main.js: {api, base, session, settings, features, away, live, route,
// language, clock, draft, t, format}.
import {createContext, useCallback, useContext, useEffect, useRef, useState} from '../dom.js';
import {isAbort} from '../api/errors.js';

export const App = createContext(null);
export const useApp = () => useContext(App);

// The value of a store; the view is drawn again when it changes.
export function useStore(store) {
  const [, draw] = useState(0);
  useEffect(() => store.watch(() => draw((count) => count + 1)), [store]);
  return store.get();
}

// Loads with load(signal). {data, error, loading, slow, reload, set}. `data` of the last time stays while it loads again;
// with other `keys` it begins anew. After a new sign-in it loads again. slow: it takes more than two seconds.
export function useLoad(load, keys) {
  const [state, setState] = useState({loading: true, slow: false});
  const [round, setRound] = useState(0);
  const {signIns} = useStore(useApp().session);
  const key = JSON.stringify(keys);
  const shown = useRef(key);
  useEffect(() => {
    const stop = new AbortController();
    const again = shown.current === key;
    shown.current = key;
    setState((before) => ({data: again ? before.data : undefined, loading: true, slow: false}));
    const timer = setTimeout(() => setState((before) => ({...before, slow: before.loading})), 2000);
    load(stop.signal).then(
      (data) => !stop.signal.aborted && setState({data, loading: false, slow: false}),
      (error) => !stop.signal.aborted && !isAbort(error) && setState({error, loading: false, slow: false}),
    );
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key, round, signIns]);
  const reload = useCallback(() => setRound((count) => count + 1), []);
  const set = useCallback((change) => setState((before) => ({...before, data: change(before.data)})), []);
  return {...state, reload, set};
}

// The time by the server's clock, new every second while `running`.
export function useNow(running) {
  const {clock} = useApp();
  const [now, setNow] = useState(clock.now);
  useEffect(() => {
    setNow(clock.now());
    if (!running) return undefined;
    const timer = setInterval(() => setNow(clock.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

// What the window and its tab are called: the place first, so that tabs and the history can be told apart.
export function useTitle(text) {
  useEffect(() => {
    if (text) document.title = `${text} · vBrain`;
  }, [text]);
}

// Whether the page is in sight. What holds a connection open ends while it is not: over HTTP/1.1 all tabs share six of them.
export function useVisible() {
  const [visible, setVisible] = useState(() => !document.hidden);
  useEffect(() => {
    const turn = () => setVisible(!document.hidden);
    document.addEventListener('visibilitychange', turn);
    return () => document.removeEventListener('visibilitychange', turn);
  }, []);
  return visible;
}

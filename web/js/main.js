// The start of the page: makes what the views share and draws them.
import {html, render, useEffect, useMemo, useState} from './dom.js';
import {createClient} from './api/client.js';
import {readFeatures, unknownFeatures} from './api/features.js';
import {createClock} from './state/clock.js';
import {noDraft} from './state/draft.js';
import {createSession} from './state/session.js';
import {createSettings, LANGUAGES} from './state/settings.js';
import {createStore} from './state/store.js';
import {createLive} from './state/live.js';
import {parseRoute} from './state/route.js';
import {createFormats, localeOf} from './text/format.js';
import {createTranslate} from './text/translate.js';
import {App, useStore} from './view/context.js';
import {Shell} from './view/shell.js';
import {SignIn} from './view/sign_in.js';

const base = new URL('api/v1/', document.baseURI).href;
const ask = (...request) => fetch(...request);
const clock = createClock();
// What says the time, too: answers of the API are never from a cache.
const timed = async (...request) => {
  const begin = Date.now();
  const answer = await fetch(...request);
  clock.hear(answer.headers.get('date'), begin, Date.now());
  return answer;
};

function storageOf(name) {
  try {
    return window[name];
  } catch {
    return null;  // the browser forbids it
  }
}

const session = createSession(storageOf('sessionStorage'));
const settings = createSettings(storageOf('localStorage'), navigator.languages);
const away = createStore(false);
const draft = createStore(noDraft);
const features = createStore(null);  // null until the document was read
const route = createStore(parseRoute(location.hash));
const api = createClient({
  base, fetch: timed,
  identity: () => session.get().identity,
  onAway: (yes) => away.set(yes),
  onKeyRefused: () => session.expire(),
});
const live = createLive({api, session, features});

addEventListener('hashchange', () => route.set(parseRoute(location.hash)));
readFeatures(base, ask).then((found) => features.set(found));

function Page() {
  const {language, theme, tags} = useStore(settings);
  const {identity, expired} = useStore(session);
  const what = useStore(features);
  const app = useMemo(() => ({
    api, base, session, settings, away, live, route, language, clock, draft,
    features: what ?? unknownFeatures,
    t: createTranslate(language),
    format: createFormats(localeOf(language, tags)),
  }), [language, what]);
  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.dataset.theme = theme;
  }, [language, theme]);
  // The views stay behind the question for a new key, so that nothing that was open is lost.
  return html`<${App.Provider} value=${app}>
    ${identity && html`<${Shell} key=${JSON.stringify({...identity, 'x-api-key': ''})} hidden=${expired} />`}
    ${(!identity || expired) && html`<${SignIn} /><${LanguageLine} />`}
  <//>`;
}

function LanguageLine() {
  return html`<p class="language-line">${LANGUAGES.map((language) => html`<button type="button" class="button quiet small" lang=${language} key=${language}
    aria-pressed=${String(settings.get().language === language)} onClick=${() => settings.change('language', language)}>${createTranslate(language)('language')}</button>`)}</p>`;
}

render(html`<${Page} />`, document.getElementById('page'));

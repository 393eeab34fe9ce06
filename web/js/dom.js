// The one place where the views get Preact from.
import {createContext, h, render} from './vendor/preact.js';
import {useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState} from './vendor/hooks.js';
import htm from './vendor/htm.js';

export const html = htm.bind(h);
export {createContext, h, render, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState};

// All texts of each language. They are in one file for each topic.
import {text as filesEn} from './en/files.js';
import {text as jobsEn} from './en/jobs.js';
import {text as keysEn} from './en/keys.js';
import {text as pageEn} from './en/page.js';
import {text as submitEn} from './en/submit.js';
import {text as filesPt} from './pt/files.js';
import {text as jobsPt} from './pt/jobs.js';
import {text as keysPt} from './pt/keys.js';
import {text as pagePt} from './pt/page.js';
import {text as submitPt} from './pt/submit.js';

export const texts = {
  en: {...pageEn, ...jobsEn, ...filesEn, ...submitEn, ...keysEn},
  pt: {...pagePt, ...jobsPt, ...filesPt, ...submitPt, ...keysPt},
};

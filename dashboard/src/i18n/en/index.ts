// English, the same rooms as the Vietnamese.
import type { Texts } from '../vi';
import { deliveries } from './deliveries';
import { history } from './history';
import { inbox } from './inbox';
import { outcomes } from './outcomes';
import { overview } from './overview';
import { samples } from './samples';
import { settings } from './settings';
import { shell } from './shell';
import { signIn } from './sign-in';
import { urlCheck } from './url-check';
import { webhooks } from './webhooks';

export const en: Texts = {
  shell,
  signIn,
  overview,
  webhooks,
  urlCheck,
  deliveries,
  history,
  outcomes,
  samples,
  inbox,
  settings,
};

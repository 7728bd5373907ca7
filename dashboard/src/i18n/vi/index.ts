// Vietnamese, one file per room of the dashboard.
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

export const vi = {
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

/** The same texts in another language. */
type Same<T> = { [K in keyof T]: T[K] extends string ? string : Same<T[K]> };
export type Texts = Same<typeof vi>;

// Comes in by a link. The token works once, so it is sent once, however often React renders.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Spin } from 'antd';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { ApiError } from '../../api/problem';
import { sessionKey, signInByLink } from '../../api/session';
import { ErrorState } from '../../components/States';
import { SignInFrame } from './SignInFrame';
import { dropToken } from './token';

export function LinkSignIn({ token, kind }: { token: string; kind: 'sign-in' | 'portal' }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const queries = useQueryClient();
  const link = useQuery({
    queryKey: ['link', token],
    queryFn: () => signInByLink(token),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  const session = link.data;
  useEffect(() => {
    if (!session) return;
    dropToken();
    queries.setQueryData(sessionKey, session);
    go('/', { replace: true });
  }, [session, queries, go]);

  if (!link.error) {
    return (
      <SignInFrame title={t('signIn.linkWait')}>
        <Spin />
      </SignInFrame>
    );
  }
  if (!(link.error instanceof ApiError) || link.error.status !== 401) {
    return (
      <SignInFrame>
        <ErrorState error={link.error} onRetry={() => link.refetch()} />
      </SignInFrame>
    );
  }
  return (
    <SignInFrame title={t('signIn.linkTitle')}>
      <p>{kind === 'portal' ? t('signIn.portalText') : t('signIn.linkText')}</p>
      {kind === 'sign-in' && (
        <Link className="button-link" to="/sign-in" reloadDocument>
          {t('signIn.toSignIn')}
        </Link>
      )}
    </SignInFrame>
  );
}

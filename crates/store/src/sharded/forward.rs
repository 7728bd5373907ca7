//! Verbs that are passed on as they come, written down once: their names, arguments and answers. Each of the macros
//! hands its list to another that makes the bodies.

/// For the body of verbs that go to the database of a [`super::part::Part`].
macro_rules! verbs_of_part {
    ($subject:ident { $(fn $verb:ident($($name:ident: $kind:ty),*) -> $answer:ty;)* }) => {
        #[async_trait::async_trait]
        impl crate::$subject for Part {
            $(async fn $verb(&self, $($name: $kind),*) -> $answer {
                ask!(self, |db| db.$verb($($name),*))
            })*
        }
    };
}

/// For the body of verbs that go to the home of a [`super::ShardedStore`].
macro_rules! verbs_of_home {
    ($subject:ident { $(fn $verb:ident($($name:ident: $kind:ty),*) -> $answer:ty;)* }) => {
        #[async_trait::async_trait]
        impl crate::$subject for ShardedStore {
            $(async fn $verb(&self, $($name: $kind),*) -> $answer {
                self.home().$verb($($name),*).await
            })*
        }
    };
}

/// The verbs about people.
macro_rules! people_verbs {
    ($bodies:ident) => {
        $bodies! {
            People {
                fn create_user(user: User, password_hash: Option<SecretString>, by: &Actor)
                    -> Result<std::result::Result<(), NotChanged>>;
                fn find_user(id: UserId) -> Result<Option<User>>;
                fn find_user_by_email(email: &Email) -> Result<Option<(User, Option<SecretString>)>>;
                fn list_users() -> Result<Vec<User>>;
                fn count_users() -> Result<usize>;
                fn change_user(
                    id: UserId, change: UserChange, keep: Option<[u8; 32]>, by: &Actor, now: Timestamp
                ) -> Result<std::result::Result<User, NotChanged>>;
                fn delete_user(id: UserId, by: &Actor, now: Timestamp)
                    -> Result<std::result::Result<(), NotChanged>>;
                fn create_session(session: SessionRecord) -> Result<std::result::Result<(), NotChanged>>;
                fn find_session(hash: [u8; 32], now: Timestamp) -> Result<Option<Session>>;
                fn touch_session(hash: [u8; 32], now: Timestamp, expires_at: Timestamp) -> Result<bool>;
                fn delete_session(hash: [u8; 32]) -> Result<bool>;
                fn create_sign_in_link(link: SignInLink, by: &Actor)
                    -> Result<std::result::Result<(), NotChanged>>;
                fn redeem_sign_in_link(hash: [u8; 32], now: Timestamp) -> Result<Option<SignInLink>>;
            }
        }
    };
}

/// The verbs about nodes.
macro_rules! node_verbs {
    ($bodies:ident) => {
        $bodies! {
            Nodes {
                fn beat(node: &NodeCard, now: Timestamp) -> Result<()>;
                fn list_nodes(now: Timestamp) -> Result<Vec<Node>>;
                fn leave(id: NodeId) -> Result<()>;
                fn configured_since(since: Option<Timestamp>) -> Result<Option<Configured>>;
            }
        }
    };
}

pub(super) use {node_verbs, people_verbs, verbs_of_home, verbs_of_part};

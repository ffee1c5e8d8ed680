//! Users who are disabled, or who lose their role, and who call events-service directly with the token that they still
//! have.

use std::time::Duration;

use eventboard_e2e::{
    Actor,
    database::{count_rows, execute},
    url,
};
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, DeleteRequest, FindAllRequest, FindOneRequest, RejectRequest,
    SubmitRequest, UpdateRequest, events_service_client::EventsServiceClient, find_all_request::Position,
};
use futures::future::join;
use prost_types::Timestamp;
use tokio::time::{sleep, timeout};
use tonic::{Code, Request, transport::Channel};

use crate::support::Stack;

/// Reads may be served for 30 seconds after the change. The test fails if they still are after this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user who calls events-service without the gateway.
struct Caller {
    client: EventsServiceClient<Channel>,
    token: String,
}

impl Caller {
    async fn new(stack: &Stack, actor: &Actor) -> Self {
        let channel = Channel::from_shared(url(stack.events.address, "")).unwrap();
        let client = EventsServiceClient::new(channel.connect().await.unwrap());
        Self { client, token: actor.token.clone() }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }

    fn client(&self) -> EventsServiceClient<Channel> {
        self.client.clone()
    }

    async fn create(&self) -> Code {
        let request = CreateRequest {
            title: "Created by a former member".to_owned(),
            description: "A description that is long enough".to_owned(),
            start_date: Some(Timestamp { seconds: 2_000_000_000, nanos: 0 }),
            end_date: Some(Timestamp { seconds: 2_000_003_600, nanos: 0 }),
            ..CreateRequest::default()
        };
        code(self.client().create(self.request(request)).await)
    }

    async fn update(&self, id: &str) -> Code {
        let (id, title) = (id.to_owned(), Some("Changed by a former member".to_owned()));
        let request = UpdateRequest { id, title, ..UpdateRequest::default() };
        code(self.client().update(self.request(request)).await)
    }

    async fn submit(&self, id: &str) -> Code {
        let request = SubmitRequest { id: id.to_owned(), ..SubmitRequest::default() };
        code(self.client().submit(self.request(request)).await)
    }

    async fn delete(&self, id: &str) -> Code {
        let request = DeleteRequest { id: id.to_owned(), ..DeleteRequest::default() };
        code(self.client().delete(self.request(request)).await)
    }

    async fn approve(&self, id: &str) -> Code {
        let request = ApproveRequest { id: id.to_owned(), ..ApproveRequest::default() };
        code(self.client().approve(self.request(request)).await)
    }

    async fn reject(&self, id: &str) -> Code {
        let reason = "Not wanted by a former moderator".to_owned();
        let request = RejectRequest { id: id.to_owned(), reason, ..RejectRequest::default() };
        code(self.client().reject(self.request(request)).await)
    }

    async fn find(&self, id: &str) -> Code {
        code(self.client().find_one(self.request(FindOneRequest { id: id.to_owned() })).await)
    }

    /// Whether a list contains this event.
    async fn lists(&self, id: &str) -> bool {
        let request =
            FindAllRequest { limit: 100, position: Some(Position::Page(1)), ..FindAllRequest::default() };
        let reply = self.client().find_all(self.request(request)).await;
        reply.is_ok_and(|reply| reply.into_inner().events.iter().any(|event| event.id == id))
    }

    /// Waits until the caller can no longer read this event.
    async fn wait_until_refused(&self, id: &str) {
        let is_served = async || self.find(id).await == Code::Ok || self.lists(id).await;
        let waiting = async {
            while is_served().await {
                sleep(Duration::from_millis(200)).await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("reads are refused");
    }
}

fn code<T>(result: Result<T, tonic::Status>) -> Code {
    result.err().map_or(Code::Ok, |status| status.code())
}

/// Events for the writes of both users.
struct Events {
    draft: String,
    other_draft: String,
    third_draft: String,
    submitted: String,
    other_submitted: String,
}

impl Events {
    async fn create(owner: &Actor) -> Self {
        Self {
            draft: owner.create_event("The first draft").await,
            other_draft: owner.create_event("The second draft").await,
            third_draft: owner.create_event("The third draft").await,
            submitted: owner.create_submitted_event("Submitted").await,
            other_submitted: owner.create_submitted_event("Submitted too").await,
        }
    }
}

/// Everything that a disabled owner and a former moderator try to write.
async fn write_all(owner: &Caller, moderator: &Caller, events: &Events) -> [(&'static str, Code); 8] {
    [
        ("create", owner.create().await),
        ("update", owner.update(&events.draft).await),
        ("submit", owner.submit(&events.other_draft).await),
        ("delete", owner.delete(&events.third_draft).await),
        ("update of another's event", moderator.update(&events.other_submitted).await),
        ("create as a moderator", moderator.create().await),
        ("approve", moderator.approve(&events.submitted).await),
        ("reject", moderator.reject(&events.other_submitted).await),
    ]
}

#[tokio::test]
async fn a_former_member_writes_nothing_and_soon_reads_nothing() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let (owner, moderator) =
        (admin.add_colleague(&stack, "USER").await, admin.add_colleague(&stack, "MODERATOR").await);
    let events = Events::create(&owner).await;
    let (disabled, demoted) = (Caller::new(&stack, &owner).await, Caller::new(&stack, &moderator).await);
    // Fills every cache.
    for caller in [&disabled, &demoted] {
        assert_eq!((caller.create().await, caller.find(&events.draft).await), (Code::Ok, Code::Ok));
        assert!(caller.lists(&events.draft).await);
    }
    let before = count_rows(&stack.database, r#""EventHistory""#).await;

    execute(&stack.database, r#"update "User" set disabled = true where id = $1"#, owner.id()).await;
    moderator.set_role(&stack, "USER").await;
    for (what, code) in write_all(&disabled, &demoted, &events).await {
        assert!(matches!(code, Code::Unauthenticated | Code::PermissionDenied), "{what}: {code:?}");
    }
    assert_eq!(count_rows(&stack.database, r#""EventHistory""#).await, before, "the history shows writes");
    join(disabled.wait_until_refused(&events.draft), demoted.wait_until_refused(&events.draft)).await;
}

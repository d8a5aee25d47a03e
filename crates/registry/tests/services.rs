//! Services on both databases: registered, changed, removed, found.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod world;

use rialto_kernel::{Caller, PageRequest, Role, Timestamp};
use rialto_registry::{
    RegistryError,
    service::{
        NewService, Service, ServiceChanges, ServiceFilter, ServiceId, ServiceSort, ServiceStatus, categories, find_service,
        list_services, register_service, remove_service, similar_services, update_service,
    },
};
use rialto_store::{Db, Tx, suite, testing::TestDb};
use world::{NOON, at, operator, page, somebody};

fn new(name: &str, price: &str, category: &str, tags: &[&str]) -> NewService {
    NewService {
        name: name.to_owned(),
        description: format!("{name} by the call."),
        endpoint: "https://api.example.com/v1".to_owned(),
        price_per_call: price.to_owned(),
        category: category.to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        payment_method: "x402".to_owned(),
        free_tier_calls: 0,
        timeout_seconds: None,
    }
}

async fn try_register(db: &Db, caller: Caller, new: NewService, now: Timestamp) -> Result<Service, RegistryError> {
    db.write(async move |tx: &mut Tx| register_service(tx, &caller, "shop", &new, now).await).await
}

async fn register(db: &Db, caller: Caller, new: NewService, now: Timestamp) -> Service {
    try_register(db, caller, new, now).await.unwrap()
}

async fn update(db: &Db, caller: Caller, id: ServiceId, changes: ServiceChanges) -> Result<Service, RegistryError> {
    db.write(async move |tx: &mut Tx| update_service(tx, &caller, id, &changes, at(60)).await).await
}

async fn remove(db: &Db, caller: Caller, id: ServiceId) -> Result<Service, RegistryError> {
    db.write(async move |tx: &mut Tx| remove_service(tx, &caller, id, at(60)).await).await
}

async fn find(db: &Db, id: ServiceId) -> Result<Service, RegistryError> {
    db.read(async move |tx: &mut Tx| find_service(tx, id).await).await
}

/// The names that a filter finds, in order, and how many there are in all.
async fn found(db: &Db, filter: ServiceFilter, page: PageRequest) -> (Vec<String>, i64) {
    let found = db.read(async move |tx: &mut Tx| list_services(tx, &filter, page).await).await.unwrap();
    (found.items.into_iter().map(|service| service.name).collect(), found.total)
}

async fn names(db: &Db, filter: ServiceFilter) -> Vec<String> {
    found(db, filter, page(100, 0)).await.0
}

fn text(text: &str) -> ServiceFilter {
    ServiceFilter::active().with_text("q", Some(text)).unwrap().sorted_by(None).unwrap()
}

async fn a_service_comes_back_as_it_went_in(test: &TestDb) {
    let db = &test.db;
    let shop = operator(db).await;
    let service = NewService { free_tier_calls: 5, ..new(" Sentiment API ", "0.10", "ai", &["NLP", "nlp", " sentiment "]) };
    let service = register(db, shop, service, NOON).await;
    assert_eq!((service.name.as_str(), service.price.get(), service.provider.as_str()), ("Sentiment API", 100_000, "shop"));
    assert_eq!((&service.tags[..], service.status), (&["NLP".to_owned(), "sentiment".to_owned()][..], ServiceStatus::Active));
    assert_eq!(find(db, service.id).await, Ok(service.clone()));
    assert_eq!(find(db, ServiceId::new()).await, Err(RegistryError::ServiceNotFound));
    let buyer = somebody(db, Role::Buyer).await;
    for caller in [buyer, Caller { role: Role::Viewer, ..shop }] {
        assert_eq!(try_register(db, caller, new("x", "1", "", &[]), NOON).await, Err(RegistryError::NotSeller));
    }
    let many: Vec<String> = (0..1_000).map(|n| format!("tag{n}")).collect();
    let good = new("x", "1", "", &[]);
    for (field, wrong) in [
        ("name", NewService { name: " ".into(), ..good.clone() }),
        ("name", NewService { name: "x".repeat(256), ..good.clone() }),
        ("description", NewService { description: "x".repeat(10_001), ..good.clone() }),
        ("endpoint", NewService { endpoint: String::new(), ..good.clone() }),
        ("price_per_call", NewService { price_per_call: "NaN".into(), ..good.clone() }),
        ("price_per_call", NewService { price_per_call: "100.000001".into(), ..good.clone() }),
        ("category", NewService { category: "x".repeat(65), ..good.clone() }),
        ("tags", NewService { tags: many, ..good.clone() }),
        ("payment_method", NewService { payment_method: "cash".into(), ..good.clone() }),
        ("free_tier_calls", NewService { free_tier_calls: -1, ..good.clone() }),
    ] {
        let refused = try_register(db, shop, wrong, NOON).await;
        assert!(matches!(&refused, Err(RegistryError::Invalid { field: named, .. }) if named == field), "{field}: {refused:?}");
    }
}

async fn a_service_is_its_owners_and_stays_removed(test: &TestDb) {
    let db = &test.db;
    let (shop, rival, root) = (operator(db).await, operator(db).await, somebody(db, Role::Admin).await);
    let service = register(db, shop, new("Weather", "0.05", "data", &["rain"]), NOON).await;
    let cheaper = ServiceChanges { price_per_call: Some("0.000001".into()), ..ServiceChanges::default() };
    let refusal = |action| Err(RegistryError::NotYourService { action });
    assert_eq!(update(db, rival, service.id, cheaper.clone()).await, refusal("update"));
    assert_eq!(remove(db, rival, service.id).await, refusal("remove"));
    let buyer = Caller { role: Role::Buyer, ..shop };
    assert_eq!(update(db, buyer, service.id, cheaper.clone()).await, Err(RegistryError::NotSeller));
    let changed = update(db, shop, service.id, cheaper.clone()).await.unwrap();
    assert_eq!((changed.price.get(), changed.name.as_str(), changed.updated_at), (1, "Weather", at(60)));
    let renamed = ServiceChanges { name: Some("Climate".into()), tags: Some(vec!["Snow".into()]), ..ServiceChanges::default() };
    update(db, root, service.id, renamed).await.unwrap();
    assert_eq!(names(db, text("weather")).await, ["Climate"], "its description still says so");
    assert_eq!((names(db, text("rain")).await.len(), names(db, text("snow")).await.len()), (0, 1));
    let tagged = |tag| ServiceFilter::active().with_tags(Some(tag)).unwrap();
    assert_eq!((names(db, tagged("rain")).await.len(), names(db, tagged("SNOW")).await.len()), (0, 1));
    let paused = ServiceChanges { status: Some("paused".into()), ..ServiceChanges::default() };
    update(db, shop, service.id, paused).await.unwrap();
    assert!(names(db, ServiceFilter::active()).await.is_empty());
    assert_eq!(remove(db, shop, service.id).await.unwrap().status, ServiceStatus::Removed);
    assert_eq!(remove(db, shop, service.id).await.unwrap().status, ServiceStatus::Removed);
    assert_eq!(update(db, shop, service.id, cheaper).await, Err(RegistryError::ServiceRemoved));
    assert_eq!(find(db, service.id).await.unwrap().status, ServiceStatus::Removed);
    assert_eq!(update(db, shop, ServiceId::new(), ServiceChanges::default()).await, Err(RegistryError::ServiceNotFound));
}

/// Five services of two shops, a second apart.
async fn five(db: &Db) -> Vec<Service> {
    let (shop, other) = (operator(db).await, operator(db).await);
    let mut made = Vec::new();
    for (n, (caller, new)) in [
        (shop, new("Zebra translation", "0.50", "ai", &["nlp", "translate"])),
        (shop, NewService { free_tier_calls: 3, ..new("apple sentiment", "0.05", "ai", &["NLP", "sentiment"]) }),
        (other, NewService { payment_method: "paypal".into(), ..new("Bank rates", "1.00", "data", &["finance"]) }),
        (other, NewService { description: "Sentiment of bank news.".into(), ..new("News", "0.000001", "data", &["nlp"]) }),
        (other, new("Plain", "100.00", "", &[])),
    ]
    .into_iter()
    .enumerate()
    {
        made.push(register(db, caller, new, at(u64::try_from(n).unwrap())).await);
    }
    made
}

async fn filters_hold_together_and_totals_are_true(test: &TestDb) {
    let db = &test.db;
    let made = five(db).await;
    let active = ServiceFilter::active;
    assert_eq!(names(db, active()).await, ["Plain", "News", "Bank rates", "apple sentiment", "Zebra translation"]);
    let by = |sort| ServiceFilter { sort, ..active() };
    assert_eq!(names(db, by(ServiceSort::Price)).await, ["News", "apple sentiment", "Zebra translation", "Bank rates", "Plain"]);
    assert_eq!(names(db, by(ServiceSort::Name)).await, ["apple sentiment", "Bank rates", "News", "Plain", "Zebra translation"]);
    assert_eq!(names(db, active().with_category(Some("ai"))).await, ["apple sentiment", "Zebra translation"]);
    let tagged = |tags| active().with_tags(Some(tags)).unwrap();
    assert_eq!(names(db, tagged("nlp")).await, ["News", "apple sentiment", "Zebra translation"]);
    assert_eq!(names(db, tagged("finance, Sentiment,")).await, ["Bank rates", "apple sentiment"]);
    let priced = |min, max| active().with_prices(min, max).unwrap();
    assert_eq!(names(db, priced(Some("0.05"), Some("1"))).await, ["Bank rates", "apple sentiment", "Zebra translation"]);
    assert_eq!(names(db, priced(None, Some("0.000001"))).await, ["News"]);
    assert!(matches!(active().with_prices(Some("abc"), None), Err(RegistryError::Invalid { .. })));
    assert_eq!(names(db, active().with_payment_method(Some("paypal")).unwrap()).await, ["Bank rates"]);
    let free = |free| ServiceFilter { has_free_tier: Some(free), ..active() };
    assert_eq!((names(db, free(true)).await, names(db, free(false)).await.len()), (vec!["apple sentiment".to_owned()], 4));
    let owned = ServiceFilter { owner: Some(made[0].owner), ..active() };
    assert_eq!(names(db, owned).await.len(), 2);
    let both = tagged("nlp").with_category(Some("ai"));
    assert_eq!(found(db, both, page(1, 1)).await, (vec!["Zebra translation".to_owned()], 2));
    let counted = db.read(async |tx: &mut Tx| categories(tx).await).await.unwrap();
    assert_eq!(counted, [("ai".to_owned(), 2), ("data".to_owned(), 2), ("uncategorized".to_owned(), 1)]);
}

async fn words_find_the_best_first(test: &TestDb) {
    let db = &test.db;
    let made = five(db).await;
    assert_eq!(names(db, text("sentiment")).await, ["apple sentiment", "News"], "a name weighs more than a description");
    assert_eq!(names(db, text("senti")).await.len(), 2, "a beginning is enough");
    assert_eq!(names(db, text("translating")).await, ["Zebra translation"], "whatever the ending");
    assert_eq!(names(db, text("finance")).await, ["Bank rates"]);
    assert_eq!(names(db, text("banks data")).await[0], "Bank rates", "a category is a word as well");
    assert_eq!(found(db, text("nlp").with_category(Some("ai")), page(1, 0)).await.1, 2);
    let cheapest = text("nlp").sorted_by(Some("price")).unwrap();
    assert_eq!(names(db, cheapest).await, ["News", "apple sentiment", "Zebra translation"]);
    for hostile in ["the", "'; DROP TABLE services; --", "NEAR(", "\"", "*", "a:b OR", "%", "翻译"] {
        let filter = text(hostile);
        found(db, filter, page(10, 0)).await;
    }
    assert_eq!(found(db, text("the of"), page(10, 0)).await, (vec![], 0));
    assert_eq!(names(db, text("  ")).await.len(), 5, "no words are no filter");
    assert!(matches!(ServiceFilter::active().with_text("q", Some(&"x".repeat(257))), Err(RegistryError::Invalid { .. })));
    let like = vec![made[0].clone()];
    let similar = db.read(async move |tx: &mut Tx| similar_services(tx, &like, None, 5).await).await.unwrap();
    let similar: Vec<_> = similar.into_iter().map(|service| service.name).collect();
    assert_eq!(similar, ["News", "apple sentiment"]);
}

suite! {
    a_service_comes_back_as_it_went_in,
    a_service_is_its_owners_and_stays_removed,
    filters_hold_together_and_totals_are_true,
    words_find_the_best_first,
}

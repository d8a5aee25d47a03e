//! Servers that behave as PayPal and NOWPayments do, as far as deposits go. The journeys use them, too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A status and a body; `None` is no answer at all.
type Answer = Option<(u16, Value)>;
type Answering = dyn Fn(&str, &str, &str) -> Answer + Send + Sync;

/// A server on a port of its own until it is dropped.
struct Fake {
    base: String,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Answers by the line, the head and the body of a request.
    async fn start(answer: impl Fn(&str, &str, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let answer: Arc<Answering> = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&answer)));
            }
        });
        Self { base, task }
    }
}

async fn serve(mut socket: TcpStream, answer: Arc<Answering>) {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
            if body.len() >= length {
                let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
                let Some((status, body)) = answer(&line, head, body) else {
                    // It keeps the connection, and says nothing.
                    return std::future::pending().await;
                };
                let body = body.to_string();
                let head = "content-type: application/json\r\nconnection: close";
                let answer = format!("HTTP/1.1 {status} X\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = socket.write_all(answer.as_bytes()).await;
                return;
            }
        }
        let mut piece = [0; 8_192];
        match socket.read(&mut piece).await {
            Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
}

/// A header of a request.
pub fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// An order, as PayPal has it.
#[derive(Debug, Clone)]
pub struct Order {
    pub status: &'static str,
    pub custom_id: String,
    pub value: String,
    pub capture: Option<&'static str>,
}

/// What PayPal knows, and how it behaves.
#[derive(Debug, Default)]
pub struct Knowledge {
    pub orders: HashMap<String, Order>,
    requests: HashMap<String, String>,
    /// How many tokens it gave.
    pub tokens: usize,
    /// The one that it accepts.
    token: String,
    /// How often money was taken.
    pub captures: usize,
    /// How often it was asked for an order.
    pub asked: usize,
    /// What a capture becomes.
    pub captured: Option<&'static str>,
    /// Every call but those for tokens fails with this.
    pub down: Option<u16>,
    /// No call is answered.
    pub hangs: bool,
    /// The last request that opened an order: its head, and its body.
    pub opened: (String, Value),
}

/// PayPal.
pub struct PayPalServer {
    fake: Fake,
    knowledge: Arc<Mutex<Knowledge>>,
}

impl PayPalServer {
    pub async fn start() -> Self {
        let knowledge = Arc::new(Mutex::new(Knowledge::default()));
        let shared = Arc::clone(&knowledge);
        let fake = Fake::start(move |line, head, body| shared.lock().unwrap().answer(line, head, body)).await;
        Self { fake, knowledge }
    }

    pub fn base(&self) -> &str {
        &self.fake.base
    }

    pub fn knows(&self) -> MutexGuard<'_, Knowledge> {
        self.knowledge.lock().unwrap()
    }

    /// The payer approves an order.
    pub fn approve(&self, order: &str) {
        self.knows().orders.get_mut(order).unwrap().status = "APPROVED";
    }

    /// No token that it gave is accepted any more.
    pub fn end_tokens(&self) {
        self.knows().token = "none".to_owned();
    }
}

impl Knowledge {
    fn answer(&mut self, line: &str, head: &str, body: &str) -> Answer {
        if self.hangs {
            return None;
        }
        if line == "POST /v1/oauth2/token" {
            // client:secret
            let good =
                header(head, "authorization") == Some("Basic Y2xpZW50OnNlY3JldA==") && body == "grant_type=client_credentials";
            self.tokens += 1;
            self.token = format!("token-{}", self.tokens);
            let token = json!({"access_token": self.token, "token_type": "Bearer", "expires_in": 32_400});
            return Some(if good { (200, token) } else { (401, json!({"error": "invalid_client"})) });
        }
        if header(head, "authorization") != Some(&format!("Bearer {}", self.token)) {
            return Some((401, json!({"error": "invalid_token"})));
        }
        if let Some(status) = self.down {
            return Some((status, json!({"name": "INTERNAL_SERVER_ERROR", "message": "an internal error"})));
        }
        let request_id = header(head, "paypal-request-id").unwrap_or_default().to_owned();
        let path = line.split(' ').nth(1).unwrap_or_default();
        let order = path.strip_prefix("/v2/checkout/orders/").unwrap_or_default().trim_end_matches("/capture").to_owned();
        Some(match line.split(' ').next() {
            _ if path == "/v1/notifications/verify-webhook-signature" => verify(body),
            Some("POST") if path == "/v2/checkout/orders" => self.open(head, body, &request_id),
            Some("POST") if path.ends_with("/capture") => self.capture(&order, &request_id),
            Some("GET") => {
                self.asked += 1;
                self.tell(&order).map_or((404, json!({"name": "RESOURCE_NOT_FOUND"})), |order| (200, order))
            }
            _ => (404, json!({})),
        })
    }

    fn open(&mut self, head: &str, body: &str, request_id: &str) -> (u16, Value) {
        let body: Value = serde_json::from_str(body).unwrap();
        let fresh = format!("ORDER{}", self.orders.len() + 1);
        let id = self.requests.entry(request_id.to_owned()).or_insert(fresh).clone();
        let unit = &body["purchase_units"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let order = Order {
            status: "PAYER_ACTION_REQUIRED",
            custom_id: text(&unit["custom_id"]),
            value: text(&unit["amount"]["value"]),
            capture: None,
        };
        self.orders.entry(id.clone()).or_insert(order);
        self.opened = (head.to_owned(), body);
        (200, self.tell(&id).unwrap())
    }

    fn capture(&mut self, id: &str, request_id: &str) -> (u16, Value) {
        let becomes = self.captured.unwrap_or("COMPLETED");
        let unprocessable = |issue: &str| (422, json!({"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]}));
        let Some(order) = self.orders.get_mut(id) else { return (404, json!({"name": "RESOURCE_NOT_FOUND"})) };
        match order.status {
            "APPROVED" => {
                (order.status, order.capture) = ("COMPLETED", Some(becomes));
                self.captures += 1;
                self.requests.insert(request_id.to_owned(), id.to_owned());
                (201, self.tell(id).unwrap())
            }
            "COMPLETED" if self.requests.contains_key(request_id) => (200, self.tell(id).unwrap()),
            "COMPLETED" => unprocessable("ORDER_ALREADY_CAPTURED"),
            _ => unprocessable("ORDER_NOT_APPROVED"),
        }
    }

    fn tell(&self, id: &str) -> Option<Value> {
        let order = self.orders.get(id)?;
        let amount = json!({"currency_code": "USD", "value": order.value});
        let captures: Vec<Value> = order
            .capture
            .map(|status| json!({"id": format!("CAP-{id}"), "status": status, "amount": amount, "custom_id": order.custom_id}))
            .into_iter()
            .collect();
        let unit = json!({"custom_id": order.custom_id, "amount": amount, "payments": {"captures": captures}});
        let href = format!("https://www.sandbox.paypal.com/checkoutnow?token={id}");
        let links = json!([{"rel": "self", "href": "https://x"}, {"rel": "payer-action", "href": href}]);
        Some(json!({"id": id, "status": order.status, "purchase_units": [unit], "links": links}))
    }
}

fn verify(body: &str) -> (u16, Value) {
    let body: Value = serde_json::from_str(body).unwrap();
    let good = body["transmission_sig"] == "good" && body["webhook_id"] == "WH1" && body["webhook_event"].is_object();
    (200, json!({"verification_status": if good { "SUCCESS" } else { "FAILURE" }}))
}

/// What NOWPayments knows, and how it behaves.
#[derive(Debug, Default)]
pub struct Till {
    /// The invoices that were opened.
    pub invoices: Vec<Value>,
    /// All payments.
    pub payments: Vec<Value>,
    /// How many signed in.
    pub sign_ins: usize,
    /// Every call fails with this.
    pub down: Option<u16>,
    /// The last body that opened an invoice, as it came.
    pub opened: String,
}

/// NOWPayments.
pub struct NowPaymentsServer {
    fake: Fake,
    till: Arc<Mutex<Till>>,
}

impl NowPaymentsServer {
    pub async fn start() -> Self {
        let till = Arc::new(Mutex::new(Till::default()));
        let shared = Arc::clone(&till);
        let fake = Fake::start(move |line, head, body| Some(shared.lock().unwrap().answer(line, head, body))).await;
        Self { fake, till }
    }

    pub fn base(&self) -> &str {
        &self.fake.base
    }

    pub fn till(&self) -> MutexGuard<'_, Till> {
        self.till.lock().unwrap()
    }
}

impl Till {
    fn answer(&mut self, line: &str, head: &str, body: &str) -> (u16, Value) {
        if let Some(status) = self.down {
            return (status, json!({"statusCode": status, "message": "down"}));
        }
        if header(head, "x-api-key") != Some("np-key") {
            return (403, json!({"statusCode": 403, "message": "Invalid api key"}));
        }
        match line {
            "POST /v1/invoice" => {
                let mut invoice: Value = serde_json::from_str(body).unwrap();
                body.clone_into(&mut self.opened);
                let id = (4_500 + self.invoices.len()).to_string();
                invoice["id"] = json!(id);
                self.invoices.push(invoice);
                (200, json!({"id": id, "invoice_url": format!("https://nowpayments.io/payment/?iid={id}")}))
            }
            "POST /v1/auth" => {
                let good = serde_json::from_str::<Value>(body).unwrap() == json!({"email": "me@example.com", "password": "pw"});
                self.sign_ins += 1;
                if good { (200, json!({"token": format!("jwt-{}", self.sign_ins)})) } else { (403, json!({"message": "no"})) }
            }
            _ if line.starts_with("GET /v1/payment/?") => {
                if header(head, "authorization") != Some(&format!("Bearer jwt-{}", self.sign_ins)) {
                    return (401, json!({"message": "Bearer JWT token is required"}));
                }
                let invoice = line.split("invoiceId=").nth(1).unwrap_or_default();
                let of_it = |payment: &&Value| payment["invoice_id"] == invoice;
                (200, json!({"data": self.payments.iter().filter(of_it).collect::<Vec<_>>()}))
            }
            _ => {
                let id = line.trim_start_matches("GET /v1/payment/");
                let found = self.payments.iter().find(|payment| payment["payment_id"].to_string() == id);
                found.map_or((404, json!({"message": "Payment not found"})), |payment| (200, payment.clone()))
            }
        }
    }
}

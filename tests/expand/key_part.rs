#[derive(KeyPart)]
struct UserId(u64);

#[derive(KeyPart)]
struct Point<T> {
    x: T,
    r#type: Kind,
}

#[derive(KeyPart)]
enum Kind {
    Free,
    r#Paid,
}

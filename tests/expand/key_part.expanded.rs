#[automatically_derived]
impl ::cache_runtime::KeyPart for UserId {
    fn write(&self, out: &mut ::cache_runtime::KeyWriter) {
        <u64 as ::cache_runtime::KeyPart>::write(&self.0, out);
    }
}
#[automatically_derived]
impl<T> ::cache_runtime::KeyPart for Point<T>
where
    T: ::cache_runtime::KeyPart,
{
    fn write(&self, out: &mut ::cache_runtime::KeyWriter) {
        <T as ::cache_runtime::KeyPart>::write(&self.x, out);
        out.separator();
        <Kind as ::cache_runtime::KeyPart>::write(&self.r#type, out);
    }
}
#[automatically_derived]
impl ::cache_runtime::KeyPart for Kind {
    fn write(&self, out: &mut ::cache_runtime::KeyWriter) {
        out.text(
            match self {
                Self::Free => "Free",
                Self::r#Paid => "Paid",
            },
        );
    }
}

//! A body while it runs.

use std::pin::Pin;

use crate::flight::Flight;

/// A body while it runs: a panic of its own, unlike one that unwinds past it, is the flight's business.
pub(super) struct Watched<'a, F> {
    pub(super) body: Pin<&'a mut F>,
    pub(super) flight: Option<&'a Flight>,
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<F::Output> {
        struct Polling<'a>(Option<&'a Flight>);
        impl Drop for Polling<'_> {
            fn drop(&mut self) {
                if let Some(flight) = self.0.filter(|_| std::thread::panicking()) {
                    flight.body_panicked();
                }
            }
        }
        let mut polling = Polling(self.flight.filter(|_| !std::thread::panicking()));
        let polled = self.body.as_mut().poll(cx);
        polling.0 = None;
        polled
    }
}

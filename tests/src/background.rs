//! A thread with a runtime of its own, so that what runs there goes on while the runtime of a test is blocked.

use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// Runs one future until it is done or this is dropped; dropping waits for the thread's end.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// The future is made inside the runtime, so that it may begin with sockets of it.
    pub(crate) fn spawn<F>(name: &str, make: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()>,
    {
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime with one thread needs an epoll and a pipe")
                    .block_on(async {
                        tokio::select! {
                            _ = stopped => {}
                            () = async { make().await } => {}
                        }
                    });
            })
            .expect("the system has room for a thread");
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there; a second one, from a drop, would end the whole test program.
            let _ = thread.join();
        }
    }
}

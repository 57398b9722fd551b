import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

/**
 * The Java program of the test images: it answers "hello" on port 8080. With PLANT=deadlock two of its threads wait for each
 * other for ever.
 */
public final class Server {
  private Server() {}

  public static void main(String[] args) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
    byte[] hello = "hello\n".getBytes(StandardCharsets.UTF_8);
    server.createContext("/", exchange -> {
      exchange.sendResponseHeaders(200, hello.length);
      exchange.getResponseBody().write(hello);
      exchange.close();
    });
    server.start();
    if ("deadlock".equals(System.getenv("PLANT"))) {
      Object orders = new Object();
      Object stock = new Object();
      CyclicBarrier both = new CyclicBarrier(2);
      new Thread(() -> take(orders, stock, both), "orders").start();
      new Thread(() -> take(stock, orders, both), "stock").start();
    }
  }

  /** Takes one lock and, once the other thread has its own, that. */
  private static void take(Object first, Object second, CyclicBarrier both) {
    synchronized (first) {
      try {
        both.await();
      } catch (InterruptedException | BrokenBarrierException e) {
        throw new IllegalStateException(e);
      }
      synchronized (second) {
        System.out.println("never");
      }
    }
  }
}

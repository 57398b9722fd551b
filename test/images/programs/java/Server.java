import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

/**
 * The Java program of the test images: it answers "hello" on port 8080. $PLANT has the names of faults, with commas between.
 */
public final class Server {
  private Server() {}

  /** What the program has open as long as it runs. */
  private static final List<Object> held = new ArrayList<>();

  public static void main(String[] args) throws IOException, InterruptedException {
    String faults = System.getenv("PLANT");
    if (faults != null) {
      for (String fault : faults.split(",")) {
        plant(fault);
      }
    }
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
    byte[] hello = "hello\n".getBytes(StandardCharsets.UTF_8);
    server.createContext("/", exchange -> {
      exchange.sendResponseHeaders(200, hello.length);
      exchange.getResponseBody().write(hello);
      exchange.close();
    });
    server.start();
  }

  private static void plant(String fault) throws IOException, InterruptedException {
    switch (fault) {
      case "deadlock": // two threads wait for each other for ever
        Object orders = new Object();
        Object stock = new Object();
        CyclicBarrier both = new CyclicBarrier(2);
        new Thread(() -> take(orders, stock, both), "orders").start();
        new Thread(() -> take(stock, orders, both), "stock").start();
        return;
      case "zombie": // a grandchild has ended, of whom Java does not know: it waits for its own children only
        self("leave", Redirect.PIPE).getInputStream().readAllBytes(); // until both have
        return;
      case "leave": // its child ends when it has: at the end of the child's standard input
        self("follow", Redirect.INHERIT);
        Runtime.getRuntime().halt(0);
        return;
      case "follow":
        System.in.read();
        Runtime.getRuntime().halt(0);
        return;
      case "deleted": // a file of 2 MB is open, and has no name
        Path gone = Path.of("/spool/gone");
        Files.write(gone, new byte[2_000_000]);
        held.add(Files.newInputStream(gone));
        Files.delete(gone);
        return;
      case "memory": // a child was killed by the kernel for want of memory
        if (self("grow", Redirect.DISCARD).waitFor() != 128 + 9) {
          throw new IllegalStateException("the child was not killed");
        }
        return;
      case "grow":
        for (;;) {
          held.add(new byte[1 << 20]);
        }
      case "busy": // it only takes time of the processor
        for (;;) {}
      default:
        throw new IllegalArgumentException(fault);
    }
  }

  /** This program once more, with another fault and more memory than it may have. */
  private static Process self(String fault, Redirect output) throws IOException {
    String java = ProcessHandle.current().info().command().orElseThrow();
    ProcessBuilder builder = new ProcessBuilder(java, "-Xmx4g", "-XX:+UseSerialGC", "-cp", "/app/server.jar", "Server");
    builder.environment().put("PLANT", fault);
    return builder.redirectOutput(output).start();
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

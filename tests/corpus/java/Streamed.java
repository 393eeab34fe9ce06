// Writes an archive with java.util.zip into the file of the first argument. Run by make.sh.
import java.io.FileOutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

class Streamed {
  public static void main(String[] arguments) throws Exception {
    Charset charset = Charset.forName(arguments[1]);
    try (ZipOutputStream out = new ZipOutputStream(new FileOutputStream(arguments[0]), charset)) {
      add(out, "n.csv", "1,2\n".getBytes(StandardCharsets.UTF_8));
      add(out, "relatório.csv", "a;b\n".getBytes(StandardCharsets.UTF_8));
      add(out, "d/zeros.bin", new byte[20000]);
      add(out, "d/none.csv", new byte[0]);
      add(out, "empty/", new byte[0]);
    }
  }

  static void add(ZipOutputStream out, String name, byte[] content) throws Exception {
    ZipEntry entry = new ZipEntry(name);
    entry.setTime(1593606896000L);
    out.putNextEntry(entry);
    out.write(content);
    out.closeEntry();
  }
}

// Archives of zip4j and Apache Commons Compress: Archives FOLDER REFUSED. Run by make.sh. Those in the
// folder REFUSED have something that vBrain does not take.
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

import net.lingala.zip4j.io.outputstream.ZipOutputStream;
import net.lingala.zip4j.model.ZipParameters;
import net.lingala.zip4j.model.enums.AesKeyStrength;
import net.lingala.zip4j.model.enums.CompressionMethod;
import net.lingala.zip4j.model.enums.EncryptionMethod;
import org.apache.commons.compress.archivers.zip.Zip64Mode;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveOutputStream;

class Archives {
  static final long WHEN = 1593606896000L;
  static final Map<String, byte[]> FILES = new LinkedHashMap<>();

  public static void main(String[] arguments) throws Exception {
    String folder = arguments[0] + "/";
    FILES.put("n.csv", "1,2\n".getBytes(StandardCharsets.UTF_8));
    FILES.put("relatório.csv", "a;b\n".getBytes(StandardCharsets.UTF_8));
    FILES.put("d/zeros.bin", new byte[20000]);
    FILES.put("d/none.csv", new byte[0]);
    FILES.put("empty/", new byte[0]);
    zip4jFile(folder + "zip4j.zip", new ZipParameters());
    ZipParameters stored = new ZipParameters();
    stored.setCompressionMethod(CompressionMethod.STORE);
    zip4jFile(folder + "zip4j-stored.zip", stored);
    zip4jStream(folder + "zip4j-stream.zip");
    ZipParameters encrypted = new ZipParameters();
    encrypted.setEncryptFiles(true);
    encrypted.setEncryptionMethod(EncryptionMethod.AES);
    encrypted.setAesKeyStrength(AesKeyStrength.KEY_STRENGTH_256);
    zip4jFile(arguments[1] + "/zip4j-aes.zip", encrypted);
    commonsFile(folder + "commons-compress.zip", Zip64Mode.AsNeeded, "UTF-8");
    commonsFile(folder + "commons-compress-zip64.zip", Zip64Mode.Always, "UTF-8");
    commonsFile(folder + "commons-compress-cp437.zip", Zip64Mode.AsNeeded, "IBM437");
    try (var out = new ZipArchiveOutputStream(new FileOutputStream(folder + "commons-compress-stream.zip"))) {
      fill(out);
    }
  }

  static void zip4jFile(String path, ZipParameters parameters) throws Exception {
    new File(path).delete();
    try (var zip = new net.lingala.zip4j.ZipFile(path, "password".toCharArray())) {
      for (var file : FILES.entrySet()) {
        if (parameters.isEncryptFiles() && file.getKey().endsWith("/")) continue;
        parameters.setFileNameInZip(file.getKey());
        parameters.setLastModifiedFileTime(WHEN);
        zip.addStream(new ByteArrayInputStream(file.getValue()), parameters);
      }
    }
  }

  static void zip4jStream(String path) throws Exception {
    try (var out = new ZipOutputStream(new FileOutputStream(path))) {
      for (var file : FILES.entrySet()) {
        ZipParameters parameters = new ZipParameters();
        parameters.setFileNameInZip(file.getKey());
        parameters.setLastModifiedFileTime(WHEN);
        out.putNextEntry(parameters);
        out.write(file.getValue());
        out.closeEntry();
      }
    }
  }

  static void commonsFile(String path, Zip64Mode mode, String encoding) throws Exception {
    new File(path).delete();
    try (var out = new ZipArchiveOutputStream(new File(path))) {
      out.setUseZip64(mode);
      out.setEncoding(encoding);
      if (!encoding.equals("UTF-8")) {
        out.setCreateUnicodeExtraFields(ZipArchiveOutputStream.UnicodeExtraFieldPolicy.ALWAYS);
      }
      out.setComment("comment");
      fill(out);
    }
  }

  static void fill(ZipArchiveOutputStream out) throws Exception {
    for (var file : FILES.entrySet()) {
      ZipArchiveEntry entry = new ZipArchiveEntry(file.getKey());
      entry.setTime(WHEN);
      out.putArchiveEntry(entry);
      out.write(file.getValue());
      out.closeArchiveEntry();
    }
  }
}

// What Mono's compiler and libraries lack of .NET, as far as the example of docs/clients.md uses it.
using System.Reflection;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

// An entry point that is async.
class Entry
{
    static void Main()
    {
        var main = typeof(Program).GetMethod("Main", BindingFlags.Static | BindingFlags.NonPublic);
        ((Task)main.Invoke(null, null)).GetAwaiter().GetResult();
    }
}

namespace System.Text.Json
{
    class JsonDocument
    {
        public JsonElement RootElement { get; private set; }

        public static JsonDocument Parse(string json)
        {
            return new JsonDocument { RootElement = new JsonElement(json) };
        }
    }

    // An object whose members are strings, or one of them.
    class JsonElement
    {
        readonly string text;

        public JsonElement(string text) { this.text = text; }

        public JsonElement GetProperty(string name)
        {
            return new JsonElement(Regex.Match(text, "\"" + name + "\":\"([^\"]+)\"").Groups[1].Value);
        }

        public string GetString() { return text; }
    }
}

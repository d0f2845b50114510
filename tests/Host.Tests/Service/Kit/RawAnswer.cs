using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KdPlugins.Host.Tests.Service;

/// <summary>An answer as it came over the wire, to a request that no client library would let through.</summary>
/// <param name="Status">The status; 0 where the connection was closed without one.</param>
/// <param name="Head">Status line and headers.</param>
/// <param name="Body">The rest.</param>
internal sealed record RawAnswer(int Status, string Head, string Body)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>The code that a refusal names; null where it names none.</summary>
    internal string? Code
    {
        get
        {
            try
            {
                return JsonNode.Parse(Body) is JsonObject told ? (string?)told["code"] : null;
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }

    /// <summary>The value of a header; null where it is not there.</summary>
    internal string? Header(string name) =>
        Head.Split("\r\n")
            .Where(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
            .Select(l => l[(name.Length + 1)..].Trim())
            .FirstOrDefault();

    /// <summary>
    /// Sends bytes and reads to the end of the answer, of a stream of events only the beginning.
    /// </summary>
    /// <exception cref="OperationCanceledException">No answer came in time: the service hangs.</exception>
    internal static async Task<RawAnswer> Of(int port, string request)
    {
        using var late = new CancellationTokenSource(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, late.Token);
        var stream = client.GetStream();
        var text = new StringBuilder();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request), late.Token);
        }
        catch (IOException)
        {
            // It was refused before it was read to its end; the answer may be there all the same.
        }
        var buffer = new byte[16384];
        try
        {
            while (await stream.ReadAsync(buffer, late.Token) is > 0 and var count)
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, count));
                if (text.ToString(0, Math.Min(text.Length, 2000)).Contains("text/event-stream"))
                    break;
            }
        }
        catch (IOException) when (text.Length > 0) { }
        catch (IOException)
        {
            return new(0, "", "");
        }
        var all = text.ToString();
        if (all.Length == 0)
            return new(0, "", "");
        var end = all.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var (head, body) = (all[..end], all[(end + 4)..]);
        var isChunked = head.Contains("Transfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase);
        return new(int.Parse(all.Split(' ')[1]), head, isChunked ? Joined(body) : body);
    }

    private static string Joined(string chunks)
    {
        var whole = new StringBuilder();
        for (var at = 0; chunks.IndexOf("\r\n", at, StringComparison.Ordinal) is >= 0 and var end; )
        {
            var length = Math.Min(Convert.ToInt32(chunks[at..end], 16), chunks.Length - end - 2);
            whole.Append(chunks, end + 2, length);
            at = end + 2 + length + 2;
            if (length == 0 || at >= chunks.Length)
                break;
        }
        return whole.ToString();
    }
}

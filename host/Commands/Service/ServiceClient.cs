using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Api;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Service;

/// <summary>Asks a running service.</summary>
internal sealed class ServiceClient : IDisposable
{
    // A page of five hundred runs with recipes that fail in hundreds of places.
    private const int LargestAnswer = 64 << 20;
    private readonly HttpClient _http;
    private readonly string _url;

    /// <param name="url">The service's address; null for KD_URL, or the default one.</param>
    /// <param name="tokenFile">The file with its token; null for KD_TOKEN_FILE, or none.</param>
    internal ServiceClient(string? url, string? tokenFile)
    {
        _url = url ?? Environment.GetEnvironmentVariable("KD_URL") ?? new ServiceOptions().Urls;
        if (!Uri.TryCreate(_url, UriKind.Absolute, out var address))
            throw new KdException(CommandErrors.Usage, $"'{_url}' is no address such as http://127.0.0.1:5870.");
        _http = new()
        {
            BaseAddress = address,
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = LargestAnswer,
        };
        if ((tokenFile ?? Environment.GetEnvironmentVariable("KD_TOKEN_FILE")) is { Length: > 0 } file)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Bearer",
                PlainFile.ReadText(file, 1 << 16).Trim()
            );
    }

    internal JsonObject Get(string path) => Answer(() => _http.GetAsync(path));

    internal JsonObject Post(string path, JsonNode? body = null) =>
        Answer(() => _http.PostAsync(path, body is null ? null : JsonContent.Create(body)));

    public void Dispose() => _http.Dispose();

    private JsonObject Answer(Func<Task<HttpResponseMessage>> ask)
    {
        try
        {
            using var response = ask().GetAwaiter().GetResult();
            var text = response.Content.ReadAsStringAsync().GetAwaiter().GetResult();
            var said = text.Length > 0 ? Json.Parse(text) : [];
            return response.IsSuccessStatusCode ? said : throw Refusal(said, (int)response.StatusCode);
        }
        catch (HttpRequestException e)
        {
            throw new KdException(ServiceErrors.NoService, $"{_url}: {e.Message}", null, e);
        }
        catch (JsonException e)
        {
            throw new KdException(
                ServiceErrors.NoService,
                $"{_url} answers, but not as a service of this program does.",
                null,
                e
            );
        }
    }

    private static KdException Refusal(JsonObject said, int status)
    {
        var message = Json.Text(said, "message") ?? $"It answered with status {status}.";
        // What the service says has its code and remedy already.
        var error = FailureAdvice.Entry(Json.Text(said, "code")) is { } code
            ? new KdException(code, message, "")
            : new KdException(ServiceErrors.Refused, message);
        if (status == 422)
            ExitCodes.Mark(error, ExitCodes.BadRecipe);
        return error;
    }
}

using System.Security.Cryptography;
using System.Text;
using KdPlugins.Torch;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace KdPlugins.Host.Service.Api;

/// <summary>
/// Who may ask: whoever is on this machine, or has the token. A page of another origin is refused, and a request that
/// names a host which is not this one, so that a foreign name that resolves to loopback (DNS rebinding) gains nothing.
/// </summary>
internal sealed class Guards
{
    /// <summary>The content policy of answers that need nothing.</summary>
    internal const string NothingElse =
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private const int ShortestToken = 16;
    private const int LargestFile = 1 << 16;
    private readonly HashSet<string> _hosts;
    private readonly byte[]? _tokenHash;

    /// <exception cref="KdException"><c>KDP0902</c>: an address beyond this machine, and no token.</exception>
    internal Guards(ServiceOptions options)
    {
        _tokenHash = ReadToken(options.TokenFile);
        var named = options.Addresses;
        foreach (var uri in named.Where(u => !ServiceOptions.IsLoopback(u.Host)))
            if (_tokenHash is null)
                throw new KdException(
                    ServiceErrors.TokenNeeded,
                    $"The service is to listen on {uri.Host}, without a token."
                );
        _hosts = new(
            ["localhost", "127.0.0.1", "[::1]", .. named.Select(u => u.Host), .. options.AllowedHosts],
            StringComparer.OrdinalIgnoreCase
        );
    }

    /// <summary>Lets a request through or answers it.</summary>
    internal async Task Check(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var (status, why) =
            !_hosts.Contains(request.Host.Host)
                ? (StatusCodes.Status421MisdirectedRequest, "This service has another name.")
            : IsForeign(request) ? (StatusCodes.Status403Forbidden, "Requests of other origins are refused.")
            : !HasToken(request)
                ? (StatusCodes.Status401Unauthorized, "A token is needed: Authorization: Bearer <token>.")
            : !IsUtf8(request) ? (StatusCodes.Status415UnsupportedMediaType, "A body must be in UTF-8.")
            : (0, "");
        // At the last moment: a failure clears what was set before it.
        context.Response.OnStarting(Protect, context.Response.Headers);
        if (status == 0)
        {
            await next(context);
            return;
        }
        context.Response.StatusCode = status;
        await context.Response.WriteAsJsonAsync(new { code = ServiceErrors.Refused.Id, message = why });
    }

    // What an endpoint has set for itself stays.
    private static Task Protect(object state)
    {
        var headers = (IHeaderDictionary)state;
        if (headers.ContentSecurityPolicy.Count == 0)
            headers.ContentSecurityPolicy = NothingElse;
        if (headers.CacheControl.Count == 0)
            headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        return Task.CompletedTask;
    }

    private static bool IsForeign(HttpRequest request)
    {
        // Whoever follows a link to the dashboard comes from elsewhere; the page itself tells nothing.
        if (HttpMethods.IsGet(request.Method) && request.Path == "/" && request.Headers["Sec-Fetch-Mode"] == "navigate")
            return false;
        if (request.Headers["Sec-Fetch-Site"].ToString() is "cross-site" or "same-site")
            return true;
        return request.Headers.Origin is [{ Length: > 0 } origin]
            && (!Uri.TryCreate(origin, UriKind.Absolute, out var from) || from.Authority != request.Host.Value);
    }

    private static bool IsUtf8(HttpRequest request) =>
        !MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        || !type.Charset.HasValue
        || type.Charset.Value.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase);

    private bool HasToken(HttpRequest request)
    {
        // The dashboard's own files tell nothing, and have to be there to ask for the token.
        if (
            _tokenHash is null
            || request.Path.StartsWithSegments("/health")
            || request.Path == "/"
            || request.Path.StartsWithSegments("/dashboard")
        )
            return true;
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.Ordinal)
            && CryptographicOperations.FixedTimeEquals(Hash(header["Bearer ".Length..].Trim()), _tokenHash);
    }

    private static byte[]? ReadToken(string file)
    {
        if (file.Length == 0)
            return null;
        string token;
        try
        {
            token = PlainFile.ReadText(file, LargestFile).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KdException(ServiceErrors.TokenNeeded, $"The token file cannot be read: {e.Message}", null, e);
        }
        return token.Length >= ShortestToken
            ? Hash(token)
            : throw new KdException(
                ServiceErrors.TokenNeeded,
                $"The token in '{file}' has fewer than {ShortestToken} characters."
            );
    }

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}

using System.Reflection;
using System.Security.Cryptography;
using KdPlugins.Host.Service.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace KdPlugins.Host.Service.Dashboard;

/// <summary>
/// The dashboard: files within this assembly, served as they are. They ask the same interface as everybody, load nothing
/// from elsewhere and run no code but their own.
/// </summary>
internal static class DashboardPages
{
    private const string Prefix = "dashboard/";

    private const string Policy =
        $"{Guards.NothingElse}; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";

    internal static void Map(IEndpointRouteBuilder routes)
    {
        foreach (var name in Names())
        {
            var (bytes, tag, type) = Load(name);
            IResult Send(HttpContext context)
            {
                context.Response.Headers.ContentSecurityPolicy = Policy;
                // A new version of the program is seen at once; what has not changed is not sent again.
                context.Response.Headers.CacheControl = "no-cache";
                return TypedResults.Bytes(bytes, type, entityTag: tag);
            }
            routes.MapGet(name == "index.html" ? "/" : $"/{Prefix}{name}", Send).ExcludeFromDescription();
        }
    }

    private static IEnumerable<string> Names() =>
        Assembly
            .GetExecutingAssembly()
            .GetManifestResourceNames()
            .Where(n => n.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(n => n[Prefix.Length..]);

    private static (byte[] Bytes, EntityTagHeaderValue Tag, string Type) Load(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Prefix + name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        var type = Path.GetExtension(name) switch
        {
            ".html" => "text/html",
            ".css" => "text/css",
            ".js" => "text/javascript",
            ".svg" => "image/svg+xml",
            var other => throw new InvalidOperationException($"The dashboard has no files of type '{other}'."),
        };
        return (bytes, new($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\""), $"{type}; charset=utf-8");
    }
}

using System.Reflection;
using Microsoft.Playwright;

namespace KdPlugins.Dashboard.Tests;

/// <summary>The system's Chromium, started once for all tests of a class; they are skipped where there is none.</summary>
public sealed class Browser : IAsyncLifetime
{
    private const string Executable = "/usr/bin/chromium";
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        if (!File.Exists(Executable))
            return;
        var package = typeof(Browser)
            .Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(a => a.Key == "Playwright")
            .Value;
        Environment.SetEnvironmentVariable("PLAYWRIGHT_DRIVER_SEARCH_PATH", package);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(
            // Containers have no user namespaces for the sandbox; the only page that is opened is ours.
            new()
            {
                ExecutablePath = Executable,
                Args = ["--no-sandbox"],
                Headless = true,
            }
        );
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
    }

    /// <summary>A fresh page, as a reader of its own would have it.</summary>
    internal async Task<IPage> Open(string address)
    {
        Skip.If(_browser is null, $"The dashboard is tested in {Executable}, which is not here: apt install chromium.");
        var page = await _browser!.NewPageAsync(new() { BaseURL = address });
        page.SetDefaultTimeout(120_000);
        return page;
    }
}

using Deque.AxeCore.Playwright;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Host.Tests.Service;
using Microsoft.Playwright;

namespace KdPlugins.Dashboard.Tests;

/// <summary>Somebody in front of the dashboard of a service with scripted workers; notes what the page asks for and complains of.</summary>
internal sealed class Reader : IAsyncDisposable
{
    private readonly Kd _kd;
    private readonly List<string> _asked = [];
    private readonly List<string> _complaints = [];

    private Reader(Kd kd, LocalService service, IPage page) => (_kd, Service, Page) = (kd, service, page);

    internal LocalService Service { get; }

    internal IPage Page { get; }

    internal static async Task<Reader> Start(Browser browser, string? token = null)
    {
        var kd = new Kd();
        var service = await LocalService.Start(kd, token: token);
        var page = await browser.Open(service.Http.BaseAddress!.ToString());
        var reader = new Reader(kd, service, page);
        page.Context.Request += (_, request) => reader._asked.Add(request.Url);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                reader._complaints.Add(message.Text);
        };
        page.PageError += (_, error) => reader._complaints.Add(error);
        return reader;
    }

    /// <summary>Opens a view and waits for its heading.</summary>
    internal async Task GoTo(string view, string heading)
    {
        await Page.GotoAsync("/" + view);
        await Heading(heading).WaitForAsync();
    }

    internal ILocator Heading(string text) => Page.GetByRole(AriaRole.Heading, new() { Name = text, Level = 1 });

    /// <summary>Nothing on the page is in the way of those who do not see it, by axe's rules.</summary>
    internal async Task AssertAccessible()
    {
        var found = await Page.RunAxe();
        var serious = found.Violations.Where(v => v.Impact is "serious" or "critical").ToList();
        Assert.True(
            serious.Count == 0,
            string.Join("\n", serious.Select(v => $"{v.Id}: {v.Help} {string.Join(" ", v.Nodes.Select(n => n.Html))}"))
        );
        // The rules are of use only if they were applied.
        Assert.True(found.Passes.Length > 10, $"{found.Passes.Length} rules passed");
    }

    /// <summary>Presses Tab until the element in focus is the one that is looked for, as a reader without a mouse does.</summary>
    internal async Task TabTo(string name)
    {
        List<string> passed = [];
        for (var i = 0; i < 60; i++)
        {
            await Page.Keyboard.PressAsync("Tab");
            var at = await Page.EvaluateAsync<string>(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
            );
            if (at == name)
            {
                // Where one is has to be seen.
                var outline = await Page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle");
                Assert.True(outline != "none", $"the focus on '{name}' cannot be seen");
                return;
            }
            passed.Add(at.Length > 40 ? at[..40] : at);
        }
        Assert.Fail($"'{name}' cannot be reached by Tab; passed: {string.Join(" | ", passed)}");
    }

    /// <summary>What nobody wants to see did not happen: a request to elsewhere, an error on the page.</summary>
    internal void AssertAtHome()
    {
        var home = Service.Http.BaseAddress!.ToString();
        Assert.NotEmpty(_asked);
        Assert.All(_asked, u => Assert.True(u.StartsWith(home) || u.StartsWith("data:") || u.StartsWith("blob:"), u));
        Assert.Empty(_complaints);
    }

    public async ValueTask DisposeAsync()
    {
        await Page.Context.CloseAsync();
        await Service.DisposeAsync();
        _kd.Dispose();
    }
}

using KdPlugins.Host.Service.Queue;
using Microsoft.Playwright;

namespace KdPlugins.Dashboard.Tests;

/// <summary>The dashboard as readers meet it, in a real browser, also without a mouse and by a screen reader.</summary>
public sealed class DashboardTests(Browser browser) : IClassFixture<Browser>
{
    [SkippableFact]
    public async Task An_idle_service_says_what_can_be_done_on_every_view()
    {
        await using var reader = await Reader.Start(browser);
        foreach (
            var (view, heading, text) in ((string, string, string)[])
                [
                    ("", "Runs", "There are no runs yet."),
                    ("#/queue", "Queue", "Nothing waits."),
                    ("#/plugins", "Plugins", "cross-entropy"),
                    ("#/devices", "Devices and disk", "idle"),
                ]
        )
        {
            await reader.GoTo(view, heading);
            await reader.Page.GetByText(text).First.WaitForAsync();
            await reader.AssertAccessible();
        }
        reader.AssertAtHome();
    }

    [SkippableFact]
    public async Task The_curve_of_a_run_in_training_moves_while_one_looks()
    {
        await using var reader = await Reader.Start(browser);
        var id = await reader.Service.Submit("trains");
        await reader.Service.WaitFor(id, JobState.Running);
        await reader.GoTo($"#/runs/{id}", "trains");
        var curve = reader.Page.Locator("figure polyline").First;
        await curve.WaitForAsync();
        var (points, progress) = (await curve.GetAttributeAsync("points"), reader.Page.Locator("progress").First);
        var step = await progress.GetAttributeAsync("value");
        await reader.AssertAccessible();
        for (var waits = 0; waits < 100 && await curve.GetAttributeAsync("points") == points; waits++)
            await Task.Delay(100);
        Assert.NotEqual(points, await curve.GetAttributeAsync("points"));
        Assert.NotEqual(step, await progress.GetAttributeAsync("value"));
        // The same in words, for those who do not see it.
        var told = await reader
            .Page.GetByRole(AriaRole.Img, new() { Name = "Training loss" })
            .GetAttributeAsync("aria-label");
        Assert.Matches("^Training loss: student 1\\.[0-9]+ at step [0-9]+\\.$", told);
        Assert.Contains("Stage distil", await reader.Page.GetByRole(AriaRole.Status).TextContentAsync());
        reader.AssertAtHome();
    }

    [SkippableFact]
    public async Task A_run_that_failed_says_why_and_what_to_do()
    {
        await using var reader = await Reader.Start(browser);
        var id = await reader.Service.Submit("fails");
        await reader.Service.WaitFor(id);
        await reader.GoTo($"#/runs/{id}", "fails");
        var failure = reader.Page.GetByRole(AriaRole.Region, new() { Name = "KDP0701" });
        await failure.WaitForAsync();
        Assert.Contains("What to do:", await failure.TextContentAsync());
        Assert.Contains("the loss is NaN", await reader.Page.Locator("#log").TextContentAsync());
        await reader.AssertAccessible();
        reader.AssertAtHome();
    }

    [SkippableFact]
    public async Task Without_a_mouse_a_run_is_found_taken_back_and_submitted_again()
    {
        await using var reader = await Reader.Start(browser);
        var (page, keys) = (reader.Page, reader.Page.Keyboard);
        var id = await reader.Service.Submit("waits");
        await reader.Service.WaitFor(id, JobState.Running);
        await reader.GoTo("", "Runs");
        await page.GetByRole(AriaRole.Link, new() { Name = id }).WaitForAsync();
        await keys.PressAsync("Tab");
        Assert.Equal("Skip to the content", await page.EvaluateAsync<string>("document.activeElement.textContent"));
        await reader.TabTo(id);
        await keys.PressAsync("Enter");
        await reader.Heading("waits").WaitForAsync();
        // A reader goes on at the new view, not at the top of the page.
        Assert.Equal("main", await page.EvaluateAsync<string>("document.activeElement.id"));

        var dialog = page.GetByRole(AriaRole.Dialog, new() { Name = "Cancel the run?" });
        await reader.TabTo("Cancel the run");
        await keys.PressAsync("Enter");
        await dialog.WaitForAsync();
        await reader.AssertAccessible();
        await keys.PressAsync("Escape");
        await dialog.WaitForAsync(new() { State = WaitForSelectorState.Hidden });
        Assert.Equal(JobState.Running, reader.Service.Queue.Get(id).State);
        // The focus is where it was.
        Assert.Equal("Cancel the run", await page.EvaluateAsync<string>("document.activeElement.textContent"));
        await keys.PressAsync("Enter");
        await dialog.WaitForAsync();
        await reader.TabTo("Cancel the run");
        await keys.PressAsync("Enter");
        Assert.Equal(JobState.Cancelled, (await reader.Service.WaitFor(id)).State);
        await page.GetByRole(AriaRole.Status).GetByText("Cancelled").WaitForAsync();

        await reader.TabTo("Submit again");
        await keys.PressAsync("Enter");
        // Looked at rather than waited for: a change of the address behind the # is none that Playwright's waiting always sees.
        for (var waits = 0; waits < 100 && page.Url.EndsWith(id); waits++)
            await Task.Delay(100);
        Assert.Contains("#/runs/", page.Url);
        Assert.False(page.Url.EndsWith(id), page.Url);
        var again = page.Url.Split('/')[^1];
        await page.GetByRole(AriaRole.Cell, new() { Name = again }).WaitForAsync();
        await reader.Service.WaitFor(again, JobState.Running);
        reader.AssertAtHome();
    }

    [SkippableFact]
    public async Task The_token_is_asked_for_refused_and_kept_out_of_addresses()
    {
        const string Token = "0123456789abcdef-secret";
        await using var reader = await Reader.Start(browser, Token);
        await reader.GoTo("", "A token is needed");
        await reader.AssertAccessible();
        await reader.Page.GetByLabel("Token").FillAsync("wrong");
        await reader.Page.Keyboard.PressAsync("Enter");
        await reader.Page.GetByText("The service has refused that token.").WaitForAsync();
        await reader.Page.GetByLabel("Token").FillAsync(Token);
        await reader.Page.Keyboard.PressAsync("Enter");
        await reader.Heading("Runs").WaitForAsync();
        Assert.DoesNotContain(Token, reader.Page.Url);
        Assert.Equal(0, await reader.Page.EvaluateAsync<int>("localStorage.length"));
        Assert.Equal("", await reader.Page.EvaluateAsync<string>("document.cookie"));
    }
}

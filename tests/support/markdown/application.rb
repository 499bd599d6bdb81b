# A page's HTML as Writebook makes it, after its sanitizer: reads a JSON list of texts, writes a list of HTML.
# Redcarpet with the application's options and its headings and images, Rails' sanitizer with its tags.
require 'json'
require 'active_support/all'
require 'redcarpet'
require 'action_view'
require 'action_view/helpers'

class Application < Redcarpet::Render::HTML
  def header(text, level)
    base = text.parameterize
    count = (@counts ||= Hash.new(0))[base] += 1
    id = count > 1 ? "#{base}-#{count}" : base
    "<h#{level} id='#{id}'>#{text} <a href='##{id}' class='heading__link' aria-hidden='true'>#</a></h#{level}>"
  end

  def image(link, title, alt) = %(<a title="#{title}" href="#{link}"><img src="#{link}" alt="#{alt}"></a>)
end

OPTIONS = { autolink: true, highlight: true, no_intra_emphasis: true, fenced_code_blocks: true, lax_spacing: true,
            strikethrough: true, tables: true }.freeze
MORE = %w[audio details summary iframe options table tbody td th thead tr video source mark].freeze
RULES = Rails::Html::PermitScrubber.new.tap { |rules| rules.tags = Rails::Html::WhiteListSanitizer.allowed_tags.to_a + MORE }
SAFE = defined?(Rails::Html::SafeListSanitizer) ? Rails::Html::SafeListSanitizer : Rails::Html::WhiteListSanitizer
class Texts
  include ActionView::Helpers::TextHelper
  include ActionView::Helpers::SanitizeHelper
  extend ActionView::Helpers::SanitizeHelper::ClassMethods
end

answers = JSON.parse($stdin.read).map do |text|
  html = Redcarpet::Markdown.new(Application.new(filter_html: false), OPTIONS).render(text)
  { page: SAFE.new.sanitize(html, scrubber: RULES), short: Texts.new.simple_format(text), id: text.parameterize }
end
puts JSON.generate(answers)
